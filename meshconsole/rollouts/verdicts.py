"""What a round of gates means for a wave: go back, go on, wait for more, or ask a person.

A hard gate that fails ends the rollout at once; a soft one has to fail in two rounds in a row. A
soak that ends without enough evidence is made longer, up to three times its length, and then waits
for a person: no verdict is never a pass, and neither is a round that was not judged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec

from meshconsole.rollouts.facts import Finding

ROUND_SECONDS = 30.0
SOAKS_LIMIT = 3
"""A soak lasts so many times its length at most."""
Act = Literal["wait", "pass", "extend", "pause", "roll_back"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with the wave, and why in a sentence."""

    act: Act
    why: str


def verdict_of(
    findings: Sequence[Finding],
    *,
    failed_before: Collection[str],
    is_over: bool,
    extended: int,
) -> Verdict:
    """Judge one round. `failed_before` are the metrics that failed in the round before, `is_over`
    that the soak has ended, `extended` how often it was made longer."""
    tripped = next((one for one in findings if _has_tripped(one, failed_before)), None)
    if tripped is not None:
        return Verdict(act="roll_back", why=f"{tripped.metric}: {tripped.sentence}")
    if not is_over:
        return Verdict(act="wait", why="The soak goes on.")
    failing = next((one for one in findings if one.verdict == "fail"), None)
    if failing is not None:
        return Verdict(act="wait", why=f"Judged once more: {failing.metric} failed just now.")
    unsure = next((one for one in findings if one.verdict == "inconclusive"), None)
    if unsure is None and findings:
        return Verdict(act="pass", why="Every gate passed.")
    sentence = f"{unsure.metric}: {unsure.sentence}" if unsure else "No gate said anything."
    if extended + 1 < SOAKS_LIMIT:
        return Verdict(act="extend", why=f"The soak is made longer. {sentence}")
    return Verdict(act="pause", why=f"Inconclusive after {SOAKS_LIMIT} soaks. {sentence}")


def hard_trip(findings: Sequence[Finding]) -> Finding | None:
    """The hard gate that failed, between rounds."""
    return next((one for one in findings if one.is_hard and one.verdict == "fail"), None)


def _has_tripped(one: Finding, failed_before: Collection[str]) -> bool:
    return one.verdict == "fail" and (one.is_hard or one.metric in failed_before)
