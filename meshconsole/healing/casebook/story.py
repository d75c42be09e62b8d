"""The whole story of one case, gathered once for its page and for its written report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meshconsole.healing.casebook.drawing import Drawing, drawing_of
from meshconsole.healing.casebook.evidence import Evidence, evidence_of
from meshconsole.healing.casebook.surroundings import Surroundings, surroundings_of
from meshconsole.healing.casebook.timeline import Stay, Told, stays_of, told_of
from meshconsole.healing.casebook.words import (
    DEADLINES,
    WAITS,
    GateLine,
    gate_lines,
)
from meshconsole.healing.cases.approval_models import ApprovalVote
from meshconsole.healing.cases.models import CaseEntry, HealingCase, Remediation
from meshconsole.healing.cases.states import EXECUTING

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

    @property
    def holding(self) -> list[GateLine]:
        """Those that do not."""
        return [gate for gate in self.gates if gate.state == "holds"]


def story_of(case: HealingCase, now: datetime) -> Story:
    """Gather it as it is now."""
    entries = list(case.entries.order_by("pk")[:ENTRIES_LIMIT])
    moves = [entry for entry in entries if _has_moved(entry)]
    marks = [(one.at, _MARKED[one.event]) for one in entries if one.event in _MARKED]
    return Story(
        case=case,
        told_at=now,
        entries=told_of(entries, ApprovalVote.objects.filter(approval__case=case)),
        stays=stays_of(case.opened_at, moves, now, is_over=not case.is_open),
        drawing=drawing_of(case.state, [(one.before, one.after) for one in moves]),
        wait=wait_of(case),
        gates=gate_lines(gates_of(case)),
        evidence=evidence_of(case, marks, now),
        around=surroundings_of(case, now),
        steps=list(case.remediations.order_by("step")),
    )


def gates_of(case: HealingCase) -> list[dict[str, Any]]:
    """Gates as judged last; of what is being done or is over, those that it was decided by."""
    is_decided = case.state in EXECUTING or not case.is_open
    decided: list[dict[str, Any]] = (case.plan or {}).get("gates") or [] if is_decided else []
    return decided or case.gates


def wait_of(case: HealingCase) -> Wait:
    """What it waits for, until when, and what happens then."""
    sentence = WAITS.get(case.state, "")
    if case.until_at is None or case.state not in DEADLINES:
        return Wait(sentence, None, "")
    return Wait(sentence, case.until_at, DEADLINES[case.state])


def _has_moved(entry: CaseEntry) -> bool:
    return bool(entry.before) and entry.before != entry.after
