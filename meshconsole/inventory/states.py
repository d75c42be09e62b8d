"""The life of an instance, as one table.

An instance is *joining* when it is known but has not been heard, *serving* while callers may be
sent to it, *draining* while it finishes what it has and gets nothing new, and *gone* when it left.
Gone is not the end: an instance that comes back under its name serves again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db.models import TextChoices


class InstanceState(TextChoices):
    """What is true of an instance now."""

    JOINING = "joining"
    SERVING = "serving"
    DRAINING = "draining"
    GONE = "gone"


class InstanceEvent(TextChoices):
    """What happened to an instance."""

    REGISTERED = "registered"
    DRAIN_ASKED = "drain_asked"
    RESTORED = "restored"
    LEFT = "left"


TRANSITIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (InstanceState.JOINING, InstanceEvent.REGISTERED): InstanceState.SERVING,
        (InstanceState.GONE, InstanceEvent.REGISTERED): InstanceState.SERVING,
        (InstanceState.SERVING, InstanceEvent.DRAIN_ASKED): InstanceState.DRAINING,
        (InstanceState.DRAINING, InstanceEvent.RESTORED): InstanceState.SERVING,
        (InstanceState.JOINING, InstanceEvent.LEFT): InstanceState.GONE,
        (InstanceState.SERVING, InstanceEvent.LEFT): InstanceState.GONE,
        (InstanceState.DRAINING, InstanceEvent.LEFT): InstanceState.GONE,
    }
)
OPEN = frozenset({InstanceState.JOINING, InstanceState.SERVING, InstanceState.DRAINING})
