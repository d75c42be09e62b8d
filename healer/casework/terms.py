"""The policy in force for an application, in the words of those who decide."""

from __future__ import annotations

import msgspec
from django.conf import settings

from healer.policy.parameters import Policy, policy_of
from meshconsole.healing.guards import selectors as guard_selectors
from meshconsole.healing.guards.selectors import Effective

SCALED = (
    "cooldown_seconds", "confirm_seconds", "recheck_seconds", "drain_seconds",
    "removal_drain_seconds", "return_seconds", "return_most_seconds", "held_quiet_seconds",
    "instance_apart_seconds", "change_seconds",
)  # fmt: skip
"""What a drill makes shorter. Evidence comes as fast as sidecars send it, actuators and people are
as fast as they are: those times stay."""


def terms_of(app: str) -> tuple[Policy, Effective]:
    """What is decided by, and what it was made of."""
    effective = guard_selectors.policy_of(app)
    policy = policy_of(effective.numbers, mode=effective.mode)
    return scaled(policy, settings.MESH_HEAL_SCALE), effective


def scaled(policy: Policy, scale: float) -> Policy:
    """The same policy with its waits made shorter or longer."""
    if scale == 1.0:
        return policy
    return msgspec.structs.replace(
        policy, **{name: getattr(policy, name) * scale for name in SCALED}
    )
