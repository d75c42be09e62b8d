"""Guessing passwords is slow: per account and per address, in the database, for every process."""

from __future__ import annotations

from datetime import datetime, timedelta

from meshconsole.access.models import SignInFailure

WINDOW_SECONDS = 300
PER_ACCOUNT = 5
PER_ADDRESS = 30


def wait_seconds(
    account: str, address: str, now: datetime, *, before: SignInFailure | None = None
) -> int:
    """How long this account, or anybody at this address, waits before the next try; 0 is none.

    With `before`, only what was recorded earlier than that counts.
    """
    since = now - timedelta(seconds=WINDOW_SECONDS)
    recent = SignInFailure.objects.filter(at__gt=since)
    if before is not None:
        recent = recent.filter(pk__lt=before.pk)
    waits = [0]
    for found, limit in (
        (recent.filter(account=account[:200].lower()), PER_ACCOUNT),
        (recent.filter(address=address[:64]), PER_ADDRESS),
    ):
        oldest = found.order_by("-at").values_list("at", flat=True)[limit - 1 : limit].first()
        if oldest is not None:
            waits.append(int((oldest - since).total_seconds()) + 1)
    return max(waits)


def try_begin(account: str, address: str, now: datetime) -> SignInFailure | None:
    """Record a try as failed before the password is looked at; None for one that has to wait.

    A thousand tries at the same moment see each other this way, and five of them are looked at.
    """
    SignInFailure.objects.filter(at__lte=now - timedelta(seconds=WINDOW_SECONDS)).delete()
    row = SignInFailure.objects.create(account=account[:200].lower(), address=address[:64], at=now)
    if wait_seconds(account, address, now, before=row):
        row.delete()
        return None
    return row


def failures_forget(account: str) -> None:
    """A person who signed in is not throttled for earlier typing mistakes."""
    SignInFailure.objects.filter(account=account[:200].lower()).delete()
