"""Facts for the rules of healing: a service of ten, one of it reported by three of its callers."""

from __future__ import annotations

from typing import Any

import msgspec

from healer.policy.decision import Plan
from healer.policy.facts import (
    Accused,
    ApprovalFact,
    CaseFacts,
    MeshFacts,
    OpeningFact,
    OutFact,
    ReporterFact,
    Subject,
)
from healer.policy.parameters import Policy

NOW = 1_000_000.0
AUTO = Policy(mode="auto")


def said_by(*names: str, **changes: Any) -> tuple[ReporterFact, ...]:
    """Reports of these callers, which share its traffic; units alternate."""
    return tuple(
        msgspec.structs.replace(
            ReporterFact(reporter=name, app="front", unit=f"u{at % 2}", weight=1 / len(names)),
            **changes,
        )
        for at, name in enumerate(names)
    )


def case_of(state: str = "gated", *, seconds: float = 1.0, **changes: Any) -> CaseFacts:
    """The case, in this state for so many seconds."""
    facts = CaseFacts(
        case="1",
        state=state,
        since=NOW - seconds,
        opened_at=NOW - 1000,
        subject=Subject(instance="shop-1", app="shop", unit="u0"),
        n_instances=10,
        n_serving=9,
        is_serving=False,
        reports=said_by("front-1", "front-2", "front-3"),
        callers_active=3,
        caller_units=2,
        active_ejections=3,
        newest_evidence_age_seconds=1.0,
        accused=(Accused(instance="shop-1", reporters=("front-1", "front-2", "front-3")),),
    )
    return msgspec.structs.replace(facts, **changes)


def mesh_of(**changes: Any) -> MeshFacts:
    """A quiet mesh of a hundred."""
    facts = MeshFacts(n_instances=100, unit_instances={"u0": 60, "u1": 40})
    return msgspec.structs.replace(facts, **changes)


def out(case: str, app: str = "shop", unit: str = "u0", *, is_serving: bool = False) -> OutFact:
    """Another case that uses up budget."""
    return OutFact(case=case, instance=f"{app}-x{case}", app=app, unit=unit, is_serving=is_serving)


def opened(*ages: float, app: str = "shop") -> tuple[OpeningFact, ...]:
    """Cases opened so many seconds ago."""
    return tuple(OpeningFact(app=app, age_seconds=age) for age in ages)


def approved(plan: Plan, *names: str, **changes: Any) -> ApprovalFact:
    """What these people have allowed."""
    fact = ApprovalFact(
        state="approved",
        plan_hash=plan.hash,
        needed=plan.approvals_needed,
        approvers=names,
        expires_at=plan.expires_at,
    )
    return msgspec.structs.replace(fact, **changes)
