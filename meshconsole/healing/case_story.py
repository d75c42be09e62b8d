"""The whole story of one case, gathered once for its page and for its written report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from meshconsole.healing.case_drawing import Drawing, drawing_of
from meshconsole.healing.case_evidence import Evidence, evidence_of
from meshconsole.healing.case_models import CaseEntry, HealingCase, Remediation
from meshconsole.healing.case_surroundings import Surroundings, surroundings_of
from meshconsole.healing.case_words import (
    DEADLINES,
    WAITS,
    GateLine,
    event_word,
    gate_lines,
    state_word,
)

ENTRIES_LIMIT = 300
_MARKED = {
    "opened": "case opened",
    "approved": "approved",
    "auto_approved": "allowed by policy",
    "drained": "action begins",
    "acted": "action done",
    "resolved": "resolved",
    "removed": "removed",
    "recovered": "recovered",
    "relapsed": "failed again",
}
"""Events that are drawn into the evidence, and how they are called there."""


@dataclass(frozen=True)
class Told:
    """One line of the timeline, in words."""

    entry: CaseEntry
    word: str
    has_moved: bool


@dataclass(frozen=True)
class Stay:
    """One time that the case was in a state."""

    state: str
    since: datetime
    until: datetime | None
    """None: it is in it now."""
    seconds: float
    event: str
    """What led to it, in words."""
    actor: str


@dataclass(frozen=True)
class Wait:
    """What the case waits for now."""

    sentence: str
    until: datetime | None
    """When that ends at the latest; None when nothing bounds it."""
    then: str
    """What happens then."""


@dataclass(frozen=True)
class Story:
    """Everything that is told of a case."""

    case: HealingCase
    told_at: datetime
    entries: list[Told]
    """Oldest first."""
    stays: list[Stay]
    drawing: Drawing
    wait: Wait
    gates: list[GateLine]
    evidence: Evidence
    around: Surroundings
    steps: list[Remediation]

    @property
    def lasted_seconds(self) -> float:
        """From the first report until it was closed, or until now."""
        return ((self.case.closed_at or self.told_at) - self.case.opened_at).total_seconds()

    @property
    def against(self) -> list[GateLine]:
        """The gates that speak against an action."""
        return [gate for gate in self.gates if gate.state != "holds"]


def story_of(case: HealingCase, now: datetime) -> Story:
    """Gather it as it is now."""
    entries = list(case.entries.order_by("pk")[:ENTRIES_LIMIT])
    moves = [entry for entry in entries if _has_moved(entry)]
    marks = [(one.at, _MARKED[one.event]) for one in entries if one.event in _MARKED]
    return Story(
        case=case,
        told_at=now,
        entries=[Told(one, event_word(one.event), _has_moved(one)) for one in entries],
        stays=stays_of(case.opened_at, moves, now, is_over=not case.is_open),
        drawing=drawing_of(case.state, [(one.before, one.after) for one in moves]),
        wait=wait_of(case),
        gates=gate_lines(case.gates),
        evidence=evidence_of(case, marks, now),
        around=surroundings_of(case, now),
        steps=list(case.remediations.order_by("step")),
    )


def wait_of(case: HealingCase) -> Wait:
    """What it waits for, until when, and what happens then."""
    sentence = WAITS.get(case.state, "")
    if case.until_at is None or case.state not in DEADLINES:
        return Wait(sentence, None, "")
    return Wait(sentence, case.until_at, DEADLINES[case.state])


def stays_of(
    opened_at: datetime, moves: Sequence[CaseEntry], now: datetime, *, is_over: bool
) -> list[Stay]:
    """Every time that a case was in a state, oldest first; the last one is still going on."""
    begins = [(opened_at, "observed", event_word("opened"), "")]
    begins += [(one.at, one.after, event_word(one.event), one.actor) for one in moves]
    ends: list[datetime | None] = [at for at, *_ in begins[1:]]
    ends.append(opened_at if is_over and len(begins) == 1 else None)
    stays = []
    for (since, state, event, actor), until in zip(begins, ends, strict=True):
        seconds = ((until or now) - since).total_seconds()
        stays.append(Stay(state_word(state), since, until, max(0.0, seconds), event, actor))
    return stays


def _has_moved(entry: CaseEntry) -> bool:
    return bool(entry.before) and entry.before != entry.after
