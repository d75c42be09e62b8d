"""Leadership with an end: one holder at a time, and a fence that outdates the one before."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from meshconsole.core.models import Lease


def acquire(name: str, holder: str, ttl_seconds: float, now: datetime) -> int | None:
    """Take or keep the lease; returns its fence, or None while another one holds it.

    Whoever already holds it keeps the fence; a new holder gets a greater one.
    """
    until = now + timedelta(seconds=ttl_seconds)
    with transaction.atomic():
        Lease.objects.bulk_create(
            [Lease(name=name, holder="", fence=0, expires_at=now)], ignore_conflicts=True
        )
        kept = Lease.objects.filter(name=name, holder=holder, expires_at__gt=now)
        if not kept.update(expires_at=until):
            free = Lease.objects.filter(Q(expires_at__lte=now) | Q(holder=""), name=name)
            if not free.update(holder=holder, fence=F("fence") + 1, expires_at=until):
                return None
        return Lease.objects.values_list("fence", flat=True).get(name=name)


def renew(name: str, holder: str, fence: int, ttl_seconds: float, now: datetime) -> bool:
    """Hold on to the lease; False when it was lost, and the holder must stop."""
    until = now + timedelta(seconds=ttl_seconds)
    mine = Lease.objects.filter(name=name, holder=holder, fence=fence, expires_at__gt=now)
    return bool(mine.update(expires_at=until))


def release(name: str, holder: str, fence: int, now: datetime) -> bool:
    """Give the lease back at once, so that a successor need not wait for its end."""
    return bool(Lease.objects.filter(name=name, holder=holder, fence=fence).update(expires_at=now))
