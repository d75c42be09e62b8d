"""A change that was near: likelier the cause than the instance, and then it is what is undone."""

from __future__ import annotations

from healer.policy.decision import Change, GateResult
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.parameters import Policy


def change_nearby(case: CaseFacts, mesh: MeshFacts, policy: Policy) -> Change | None:
    """The newest change that touched the subject's service or unit lately, if any did."""
    near = [
        one
        for one in mesh.changes
        if one.age_seconds <= policy.change_seconds
        and one.app in ("", case.subject.app)
        and one.unit in ("", case.subject.unit)
    ]
    return min(near, key=lambda one: one.age_seconds, default=None)


def change_gate(case: CaseFacts, mesh: MeshFacts, policy: Policy) -> GateResult:
    """Was nothing changed near it lately?"""
    found = change_nearby(case, mesh, policy)
    minutes = policy.change_seconds / 60
    if found is None:
        reason = f"Nothing near it was changed in the last {minutes:g} minutes."
    else:
        reason = (
            f"{found.kind} {found.ref} changed {_where(found)} {found.age_seconds / 60:.0f} "
            "minutes ago: undo that first."
        )
    return GateResult(
        name="change_nearby",
        ok=found is None,
        value=None if found is None else found.age_seconds,
        bound=policy.change_seconds,
        unit="seconds",
        reason=reason,
        hard=False,
    )


def _where(change: Change) -> str:
    if change.app:
        return change.app
    return f"unit {change.unit}" if change.unit else "the mesh"
