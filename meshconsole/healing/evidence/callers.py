"""Who calls an instance, and how much: what a quorum of its callers is counted and weighed by.

The ledgers of links only say how much there was in all. A reading each ten seconds, kept while
anything is wrong, makes "in the last minute" of that. Without a reading that is old enough, as just
after a fault began or after Redis lost everything, all that a caller ever sent counts: then more
callers count as active, and a quorum is harder to reach, never easier.

A caller that leaves an instance out sends it nothing; it is active nonetheless, and what it sent to
the instance's group tells its weight. See `active_callers`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

import msgspec

from meshconsole.core.errors import Degraded
from meshconsole.core.redis import client
from meshconsole.healing.evidence.ejection_models import ActiveEjection
from meshconsole.healing.evidence.ejections import active_ejections
from meshconsole.healing.evidence.models import Anomaly
from meshconsole.healing.evidence.states import AnomalyState
from meshconsole.inventory.models import Instance
from meshconsole.telemetry import links
from meshconsole.telemetry.links import Told

SPAN_SECONDS = 60
STEP_SECONDS = 10
_KEPT_SECONDS = 3 * SPAN_SECONDS
Started = dict[str, int]
"""Requests by endpoint since a sidecar started."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(dict[str, Started])


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One sidecar that calls an instance."""

    instance: str
    app: str
    unit: str
    requests: int
    """Sent to the instance in the span, tries included."""
    group_requests: int
    """Sent to all instances of its group in the span."""
    leaves_it_out: bool = False
    """Has it an active ejection of it, whatever its mode?"""


class Callers(msgspec.Struct, frozen=True, kw_only=True):
    """The callers of one instance that are active on it, busiest first."""

    callers: tuple[Caller, ...]
    span_seconds: float | None
    """How long was looked at; None when there is no reading to measure from, so that everything
    since each caller's start counts."""

    @property
    def active(self) -> int:
        """How many: `callers_active` of a quorum."""
        return len(self.callers)

    def weights(self) -> dict[str, float]:
        """Each caller's share of the requests to the instance's group, 0 to 1, by its instance;
        equal shares when nobody sent anything."""
        total = sum(caller.group_requests for caller in self.callers)
        if not total:
            return {caller.instance: 1 / len(self.callers) for caller in self.callers}
        return {caller.instance: caller.group_requests / total for caller in self.callers}


class CallerBook:
    """All ledgers as of one moment: read it once, ask it of many instances."""

    def __init__(self, told: Iterable[Told], before: dict[str, Started], at: float | None) -> None:
        """`before` holds the counts at `at` (epoch s) by life; None when there is no reading."""
        self._told = list(told)
        self._before = before
        self.at = at

    def sent(self, told: Told, endpoints: set[str]) -> Started:
        """What a caller sent to each endpoint in the span."""
        before = self._before.get(told.name, {})
        now = started_of(told, endpoints)
        return {name: max(0, count - before.get(name, 0)) for name, count in now.items()}

    def lives(self, now: float) -> Iterable[Told]:
        """Those who speak now, one life of each sidecar."""
        return links.latest(self._told, now).values()


def callers_read(*, now: datetime) -> CallerBook:
    """Read the ledgers; raises Degraded when Redis does not answer."""
    redis = client(text=False)
    told = links.read()
    at = _slot(now) - SPAN_SECONDS
    for step in (0, STEP_SECONDS, 2 * STEP_SECONDS):
        raw = redis.get(_key(at - step))
        if isinstance(raw, bytes):
            return CallerBook(told, _decoder.decode(raw), float(at - step))
    return CallerBook(told, {}, None)


def active_callers(instance: str, *, now: datetime, book: CallerBook | None = None) -> Callers:
    """Who called `instance` in the last minute, or would if it did not leave it out.

    Not the instance itself, and nobody whose sidecar has been silent for 90 s. Raises Degraded
    when Redis does not answer; pass a `book` to ask about many instances in one moment.
    """
    book = book or callers_read(now=now)
    group = _group_of(instance)
    out = set(active_ejections(instance, now=now).values_list("reporter_instance", flat=True))
    found = []
    for told in book.lives(now.timestamp()):
        sent = book.sent(told, group)
        leaves_it_out = told.instance in out
        if told.instance != instance and (sent.get(instance) or leaves_it_out):
            found.append(
                Caller(
                    instance=told.instance,
                    app=told.app,
                    unit=told.unit,
                    requests=sent.get(instance, 0),
                    group_requests=sum(sent.values()),
                    leaves_it_out=leaves_it_out,
                )
            )
    found.sort(key=lambda caller: (-caller.group_requests, caller.instance))
    span = None if book.at is None else now.timestamp() - book.at
    return Callers(callers=tuple(found), span_seconds=span)


def callers_sample(*, now: datetime) -> int:
    """Keep a reading for later, once each ten seconds, while anything is wrong; returns 1 if so.

    Without Redis there is none, which `Callers.span_seconds` tells later.
    """
    is_wrong = (
        Anomaly.objects.filter(state=AnomalyState.OPEN).exists() or ActiveEjection.objects.exists()
    )
    if not is_wrong:
        return 0
    redis, key = client(text=False), _key(_slot(now))
    with suppress(Degraded):
        if not redis.exists(key):
            reading = {told.name: started_of(told) for told in links.read()}
            return int(bool(redis.set(key, _encoder.encode(reading), ex=_KEPT_SECONDS, nx=True)))
    return 0


def started_of(told: Told, endpoints: set[str] | None = None) -> Started:
    """How many requests a life has sent to each endpoint, or to some of them."""
    started: Started = {}
    for edge in told.edges:
        if (
            edge.side == "out"
            and edge.instance
            and (endpoints is None or edge.instance in endpoints)
        ):
            started[edge.instance] = started.get(edge.instance, 0) + edge.started
    return started


def _group_of(instance: str) -> set[str]:
    """The instances of its group: whom its callers would send to instead."""
    row = Instance.objects.filter(instance_id=instance).first()
    if row is None:
        return {instance}
    group = Instance.objects.filter(application=row.application_id, group=row.group_id)
    return set(group.values_list("instance_id", flat=True))


def _slot(now: datetime) -> int:
    return int(now.timestamp()) // STEP_SECONDS * STEP_SECONDS


def _key(slot: int) -> str:
    return f"mesh:callers:{slot}"
