"""What a worker tells its parent: only what changed since it told the last time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxy.failures import Failure
from proxy.links.ledger import Ledger, Told
from proxy.listener import Listener
from proxy.member import COUNTERS, EndpointStats, Member
from proxy.windows import Windows
from proxy.workers.words import DoorSeen, EndpointSeen, GateSeen, Seen

FAILURES_LIMIT = 256
"""Told one by one between two tellings; the others are in the counters."""
GateCounts = tuple[dict[str, int], dict[str, int], tuple[str, ...]]
_DOOR = ("accepted", "turned_away", "retries_refused")


class Heard:
    """Failed attempts until they are told."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._failures: list[Failure] = []

    def failed(self, failure: Failure, /) -> None:
        """Remember one; whoever cannot be reached is told of soon."""
        if len(self._failures) < FAILURES_LIMIT:
            self._failures.append(failure)
        if failure.error == "connect":
            self._wake()

    def take(self) -> list[Failure]:
        """Everything remembered."""
        taken, self._failures = self._failures, []
        return taken


class Teller:
    """Remembers what was told."""

    def __init__(
        self,
        listeners: Callable[[], Iterable[Listener]],
        windows: Windows,
        heard: Heard,
        ledger: Ledger,
    ) -> None:
        self._listeners = listeners
        self._windows = windows
        self._heard = heard
        self._ledger = ledger
        self._links = Told()
        self._doors: dict[str, dict[str, int]] = {}
        self._gate: GateCounts = {}, {}, ()
        self._stats: dict[tuple[str, str, str], tuple[EndpointStats, list[int], list[int]]] = {}

    def seen(self, late_seconds: float = 0.0) -> Seen:
        """What changed."""
        listeners = list(self._listeners())
        return Seen(
            windows=self._windows.drain(),
            doors=[self._door(listener) for listener in listeners],
            endpoints=self._endpoints(listeners),
            failures=self._heard.take(),
            gate=self._gate_seen(listeners),
            links=self._changed_links(),
            late_seconds=late_seconds,
        )

    def _gate_seen(self, listeners: Iterable[Listener]) -> GateSeen | None:
        gate = next((one.gate for one in listeners if one.gate is not None), None)
        if gate is None:
            return None
        before, self._gate = self._gate, gate.counted()
        refused, denied, sources = self._gate
        if self._gate == before:
            return None
        return GateSeen(
            refused=_added(refused, before[0]), denied=_added(denied, before[1]), sources=sources
        )

    def _changed_links(self) -> Told | None:
        before, self._links = self._links, self._ledger.told()
        return self._links if self._links != before else None

    def _door(self, listener: Listener) -> DoorSeen:
        log = listener.access_log
        counted = {name: getattr(listener, name) for name in _DOOR}
        counted["dropped"] = log.dropped if log is not None else 0
        counted |= {f"flag {flag}": n for flag, n in listener.refusals.items()}
        before = self._doors.get(listener.name, {})
        added = {name: n - before.get(name, 0) for name, n in counted.items()}
        self._doors[listener.name] = counted
        plain, encrypted = listener.open_callers
        return DoorSeen(
            name=listener.name,
            plain=plain,
            encrypted=encrypted,
            accepted=added["accepted"],
            turned_away=added["turned_away"],
            retries_refused=added["retries_refused"],
            dropped=added["dropped"],
            refusals={
                name.removeprefix("flag "): n
                for name, n in added.items()
                if n and name.startswith("flag ")
            },
        )

    def _endpoints(self, listeners: Iterable[Listener]) -> list[EndpointSeen]:
        members = {id(member): member for each in listeners for member in each.members()}
        before, self._stats = self._stats, {}
        changed = []
        for member in members.values():
            stats = member.stats
            key = (stats.service, member.endpoint.id, member.endpoint.addr)
            told, counted, stood = before.get(key, (stats, [0] * len(COUNTERS), [0] * 5))
            if told is not stats:  # it had left and came back: it counts from zero
                counted = [0] * len(COUNTERS)
            counts = [getattr(stats, name) for name in COUNTERS]
            stands = _standing(member)
            self._stats[key] = (stats, counts, stands)
            if counts != counted or stands != stood:
                pairs = zip(COUNTERS, counts, counted, strict=True)
                changed.append(
                    EndpointSeen(
                        service=key[0],
                        id=key[1],
                        addr=key[2],
                        added={name: now - then for name, now, then in pairs if now != then},
                        in_flight=stands[0],
                        opened=stands[1],
                        idle=stands[2],
                        waiting=stands[3],
                        encrypted=stands[4],
                        median_seconds=stats.median_seconds,
                    )
                )
        return changed


def _added(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: n - before.get(name, 0) for name, n in now.items() if n != before.get(name, 0)}


def _standing(member: Member) -> list[int]:
    stats = member.stats
    return [stats.in_flight, member.opened, member.idle, member.waiting, member.encrypted]
