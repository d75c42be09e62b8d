"""What healing answers: an event, a sentence, a plan, and every gate with its value and bound."""

from __future__ import annotations

from typing import Literal

import msgspec

STAY = "stay"
"""Nothing happens to the case now; any other event is an edge of its state machine."""
Action = Literal["restart_sidecar", "restart_process", "restart_host", "remove", "revert"]
LADDER: tuple[Action, ...] = ("restart_sidecar", "restart_process", "restart_host", "remove")
"""Rung 1 to 4. `revert` is none: it undoes a change that was near."""
GateUnit = Literal["count", "ratio", "seconds", "flag"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout wave, route version or proxy upgrade that may be the cause."""

    kind: str
    ref: str
    url: str = ""
    app: str = ""
    """Empty: every application of the unit."""
    unit: str = ""
    """Empty: every unit of the application."""
    age_seconds: float = 0.0


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One condition, as it would be after the action."""

    name: str
    ok: bool
    value: float | None
    bound: float | None
    unit: GateUnit
    """Of value and bound: a number of things, 0 to 1, seconds, or 0 and 1 for no and yes."""
    reason: str
    hard: bool
    """Not ok and hard: nothing is done. Not ok and not hard: a person is asked."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, bound by its hash to what it was decided on."""

    action: Action
    instance: str
    app: str
    unit: str
    rung: int
    evidence_version: int
    gates: tuple[GateResult, ...]
    expires_at: float
    """Epoch seconds; not begun by then, it is void."""
    approvals_needed: int
    """0: it may begin without asking."""
    change: Change | None = None
    """What `revert` is about."""
    hash: str = ""
    """Of everything above; see `healer.policy.plan`."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to happen to a case, and why."""

    event: str
    """An edge of the state machine, or `stay`."""
    reason: str
    """A sentence for a person, also of a `stay`: why nothing is happening right now."""
    due_seconds: float
    """When to look again at the latest, whatever the new state is."""
    until: float | None = None
    """When the wait of the present state ends by itself (epoch seconds), for a countdown."""
    plan: Plan | None = None
    """With `approval_needed` and `auto_approved`: what to do. With a `stay` while gated: what
    would be done if every gate let it pass."""
    gates: tuple[GateResult, ...] = ()
    """Where they were looked at: all of them, in a fixed order."""
    blamed: tuple[str, ...] = ()
    """Reporters that are to get a case of their own."""
