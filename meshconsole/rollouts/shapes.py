"""A rollout as its page and the API show it: with its waves, their instances and their gates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from meshconsole.rollouts.ledgers import Came


class GatePoint(msgspec.Struct, frozen=True, kw_only=True):
    """One round of one gate, for a chart."""

    at: datetime
    value: float | None
    control: float | None
    bound: float | None
    verdict: str


class GateShown(msgspec.Struct, frozen=True, kw_only=True):
    """One gate of one wave: what it said last, and the way there."""

    metric: str
    verdict: str
    is_hard: bool
    measure: str
    """Of the three numbers: ratio, seconds or count."""
    value: float | None
    control: float | None
    bound: float | None
    sentence: str
    at: datetime
    series: list[GatePoint]


class TargetShown(msgspec.Struct, frozen=True, kw_only=True):
    """One instance of a wave."""

    instance: str
    application: str
    unit: str
    before: str
    state: str
    """planned, written, acked or reverted."""
    note: str
    applied_at: datetime | None
    acked_at: datetime | None
    reverted_at: datetime | None


class WaveShown(msgspec.Struct, frozen=True, kw_only=True):
    """One wave with its progress."""

    number: int
    stage: str
    share: str
    goal: dict[str, Any]
    state: str
    is_current: bool
    targets: list[TargetShown]
    total: int
    applied: int
    acked: int
    reverted: int
    soak_seconds: float
    hold_seconds: float
    hold_until: datetime | None
    """While it waits to begin: until then, as far as is known."""
    soak_left_seconds: float | None
    """Until its soak ends; None while it does not soak."""
    extended: int
    rounds: int
    begun_at: datetime | None
    soaking_at: datetime | None
    soak_until: datetime | None
    judge_at: datetime | None
    passed_at: datetime | None
    promoted_by: str
    gates: list[GateShown]
    ledger: Came | None
    """Since it began, while that is known: `cut` of `started`."""


class RolloutShown(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as its page shows it."""

    id: int
    kind: str
    application: str
    state: str
    note: str
    reason: str
    spec: dict[str, Any]
    soak_scale: float
    min_requests: int
    approval: str
    bypassed_by: str
    braked_by: str
    """What keeps it paused until that is over: `switch:...` or `case:...`."""
    created_by: str
    created_at: datetime
    started_by: str
    started_at: datetime | None
    approved_by: str
    approved_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    revision: int
    wave_count: int
    passed_count: int
    instance_count: int
    acked_count: int
    left_seconds: float | None
    """Soaks that are still to come, at the least; None when it does not go on by itself."""
    waves: list[WaveShown]
