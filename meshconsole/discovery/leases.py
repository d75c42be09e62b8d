"""Leases: an open stream holds one, and it ends 60 seconds after the stream was lost.

The reaper's decision is pure. It never takes more than half of an application at once: that many
rarely die together, while a partition or a lost store looks exactly like it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping

import msgspec

LEASE_SECONDS = 60.0
RENEW_SECONDS = 5.0
"""How often a shard renews the leases of all its streams, in one command."""
_SHARE_AT_ONCE = 0.5


class Leased(msgspec.Struct, frozen=True):
    """An instance that lives by its sidecar's lease, and when it was registered."""

    app: str
    registered_at: float


class Verdict(msgspec.Struct, frozen=True):
    """Who is gone, and which applications are spared because too many would go at once."""

    gone: tuple[str, ...] = ()
    spared: dict[str, tuple[str, ...]] = {}


def reap(leased: Mapping[str, Leased], ends: Mapping[str, float], now: float) -> Verdict:
    """Judge leases: `ends` are the known ends by instance id (epoch seconds)."""
    expired: dict[str, list[str]] = {}
    for instance, lease in leased.items():
        if _is_over(lease, ends.get(instance), now):
            expired.setdefault(lease.app, []).append(instance)
    sizes = Counter(lease.app for lease in leased.values())
    gone: list[str] = []
    spared: dict[str, tuple[str, ...]] = {}
    for app, instances in sorted(expired.items()):
        if _is_too_many(len(instances), sizes[app]):
            spared[app] = tuple(sorted(instances))
        else:
            gone.extend(sorted(instances))
    return Verdict(tuple(gone), spared)


def _is_over(lease: Leased, end: float | None, now: float) -> bool:
    if now - lease.registered_at < LEASE_SECONDS:
        return False
    return end is None or end <= now


def _is_too_many(expired: int, size: int) -> bool:
    return expired > 1 and expired > math.floor(size * _SHARE_AT_ONCE)


def may_reap(*, now: float, store_since: float, leading_since: float) -> bool:
    """A store or a leader that is younger than a lease has not yet heard from everybody."""
    return min(now - store_since, now - leading_since) >= LEASE_SECONDS


def fresh_ends(instances: Collection[str], now: float) -> dict[str, float]:
    """The leases of these instances as of now."""
    return dict.fromkeys(instances, now + LEASE_SECONDS)
