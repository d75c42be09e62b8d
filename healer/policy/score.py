"""How well a policy has done, by what people thought of its cases afterwards.

A case that was marked a false alarm and was acted on, or asked about, counts against it; so does a
right one that it let go, since somebody had to see to it. Few marks prove little, so what is shown
is the least that its share of right answers is (Wilson's lower bound at 99%), beside the share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from healer.policy.executing import error_rate_least
from meshconsole.healing.cases.score import Score

Mark = Literal["", "right", "false_alarm"]
_MARKS: dict[str, Mark] = {"right": "right", "false_alarm": "false_alarm"}
TROUBLED = frozenset({"acted", "asked"})
"""Steps that did something to an instance, or asked a person to look."""
LET_GO = frozenset({"dismissed", "waiting"})
"""Steps that saw to nothing. What recovered, was held or was the service's fault is neither."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One case: how far the policy took it, and what a person thought of it."""

    step: str
    mark: Mark = ""


def outcome(step: str, mark: str) -> Outcome:
    """One case from its row; a mark that is none of ours counts as none."""
    return Outcome(step=step, mark=_MARKS.get(mark, ""))


def score_of(outcomes: Iterable[Outcome]) -> Score:
    """Count them."""
    cases = marked = false_alarms = missed = 0
    for one in outcomes:
        cases += 1
        marked += bool(one.mark)
        false_alarms += one.mark == "false_alarm" and one.step in TROUBLED
        missed += one.mark == "right" and one.step in LET_GO
    good = marked - false_alarms - missed
    return Score(
        cases=cases,
        marked=marked,
        false_alarms=false_alarms,
        missed=missed,
        right=good / marked if marked else None,
        right_least=error_rate_least(good, marked) if marked else None,
    )
