"""Of whom a sidecar may speak: of those whom it may call.

Every application may call every other, unless that one has a list of its callers and enforces it.
A caller that is not on the list gets nothing from it but refusals, which are nobody's fault, so its
word against it is not taken. Nothing more is asked: an honest report is there before any ledger
shows the call, and a ledger is the sidecar's own word too. What was really sent is weighed with the
evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from meshconsole.encryption.models import LinkPolicy
from proxy.contract.snapshot import Caller

KEPT_SECONDS = 5.0
GRACE = timedelta(minutes=15)
"""Who was on a list until now may have honest reports in its spool for a while."""


class CallerList(msgspec.Struct, frozen=True, kw_only=True):
    """Who may call one application, and since when the list is as it is."""

    app: str
    callers: tuple[Caller, ...]
    changed_at: datetime


class Upstreams:
    """The lists that are enforced, read again every few seconds; used in the desk's thread."""

    def __init__(self, read: Callable[[], Iterable[CallerList]] | None = None) -> None:
        self._read = read or lists_read
        self._read_at: datetime | None = None
        self._lists: dict[str, CallerList] = {}

    def may_speak(self, app: str, unit: str, callee: str, now: datetime) -> bool:
        """May instances of `app` in `unit` speak of those of `callee`?"""
        if self._read_at is None or abs((now - self._read_at).total_seconds()) >= KEPT_SECONDS:
            self._lists = {one.app: one for one in self._read()}
            self._read_at = now
        listed = self._lists.get(callee)
        if listed is None or now - listed.changed_at < GRACE:
            return True
        return any(
            caller.app in ("", app) and caller.unit in ("", unit) for caller in listed.callers
        )


def lists_read() -> list[CallerList]:
    """The lists that are enforced now."""
    rows = LinkPolicy.objects.filter(callers_mode="enforce").select_related("application")
    return [
        CallerList(
            app=row.application.name,
            callers=tuple(Caller(app=one.app, unit=one.unit) for one in row.callers.all()),
            changed_at=row.updated_at,
        )
        for row in rows.prefetch_related("callers")
    ]
