"""Every number that healing decides by, with its unit and its default.

A person sets them by these names; what nobody set has the default. Shares are 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

Mode = Literal["observe", "approve_all", "auto"]
Rung = Annotated[int, msgspec.Meta(ge=1, le=4)]
"""Of the ladder: 1 restarts the sidecar, 2 the process, 3 container or host, 4 removes."""
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=7 * 86_400)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Some = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_Any = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed, how much of it, and how long each thing is waited for."""

    mode: Mode = "observe"
    """`observe` only says what it would do, `approve_all` asks for all, `auto` for what is big."""

    cooldown_seconds: _Seconds = 180
    """The mesh may mend itself for so long."""
    quiet_seconds: _Seconds = 60
    """No evidence for so long: the fault is gone."""
    confirm_seconds: _Seconds = 60
    """Quorum is waited for, then it cools down again."""
    confirm_rounds: _Some = 3
    gated_seconds: _Seconds = 1800
    """What gates have kept from acting for so long goes to a person."""
    recheck_seconds: _Seconds = 5
    """Between two looks at the gates."""
    approval_seconds: _Seconds = 900
    drain_seconds: _Seconds = 60
    """Requests in flight may end for so long before a restart."""
    removal_drain_seconds: _Seconds = 300
    act_seconds: _Seconds = 120
    verify_seconds: _Seconds = 180
    verify_self_tests: _Any = 2
    verify_probes: _Any = 5
    return_seconds: _Seconds = 60
    """Slow start: nothing is judged before its end."""
    return_requests: _Some = 50
    return_most_seconds: _Seconds = 120
    """Judged by what there is after so long, however few requests came."""
    return_error_rate: _Share = 0.05
    """Relapsed when the lower bound of the error rate is not below it."""
    held_quiet_seconds: _Seconds = 300
    """After a storm or a kill switch."""

    evidence_seconds: _Seconds = 60
    """Older evidence justifies no action."""
    quorum_least: _Some = 2
    quorum_share: _Share = 0.3
    """Of the callers that were active on the instance."""
    alarm_credit: _Share = 0.5
    """What a reporter counts when its unit has a network alarm."""
    contested_share: _Share = 0.5
    """When the centre's own probe finds the instance well, its accusers must have carried more than
    this share of its requests."""
    suspect_instances: _Some = 3
    suspect_services: _Some = 2
    """Who reports so many instances of so many services is suspected itself."""
    incident_share: _Share = 0.5
    """More of a service's instances than this under report: not a fault of instances."""
    incident_large_share: _Share = 0.3
    """At least this share, in a service that is large."""
    incident_large_instances: _Some = 10

    service_out_share: _Share = 0.10
    service_out_least: _Some = 1
    """Of one service out by us at once: the share, and no less than this."""
    service_healthy_share: _Share = 0.60
    """Must still serve after the action."""
    service_small_instances: _Any = 2
    """Services of no more instances ask for approval instead."""
    unit_out: _Some = 3
    unit_out_share: _Share = 0.05
    """Of one unit out by us at once: neither may be exceeded; one always may be out."""
    mesh_out: _Some = 2
    mesh_actions_per_hour: _Some = 10
    instance_actions_per_day: _Some = 2
    """The next one is a removal."""
    instance_apart_seconds: _Seconds = 900

    storm_window_seconds: _Seconds = 60
    storm_mesh_cases: _Some = 5
    storm_mesh_share: _Share = 0.05
    storm_service_cases: _Some = 2
    storm_service_share: _Share = 0.20
    """More new cases in the window than both of a pair: nothing new begins there."""

    change_seconds: _Seconds = 600
    """A change of the service or unit so recent is the likelier cause."""
    auto_capacity_share: _Share = 0.05
    """Of a service's serving capacity, that an action may take without asking."""
    auto_rung_most: Rung = 2
    is_sidecar_exempt: bool = False
    """May a sidecar alone be restarted in protected hours without asking?"""
    limiter_share: _Share = 0.5
    """So many instances limited: the service lacks capacity, and a restart takes more of it."""

    ladder_start: Rung = 2
    ladder_end: Rung = 4
    removal_approvals: _Some = 2
    critical_approvals: _Some = 2


def policy_of(numbers: Mapping[str, object], *, mode: Mode = "observe") -> Policy:
    """A policy with these numbers by name; names of others are ignored.

    Raises msgspec.ValidationError, a sentence that names the field, when one cannot be meant.
    """
    known = {name: numbers[name] for name in Policy.__struct_fields__ if name in numbers}
    return msgspec.convert({**known, "mode": mode}, Policy, strict=False)
