"""Endpoints, summed by application, unit and group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from proxy.listener import Listener
from proxy.member import Member
from proxy.metrics.text import Family, Labels, Sample

Members = Sequence[tuple[Labels, Member]]


class Grown:
    """Counts of groups that never fall, though the endpoints that keep them come and go.

    A sum over endpoints in force falls when one goes, which reads as a counter that began anew and
    counts what is left once more. So what each endpoint has counted since the last reading is added
    up; what it counted between its last reading and its end is not seen.
    """

    def __init__(self, read: Callable[[Member], int]) -> None:
        self._read = read
        self._last: dict[Member, int] = {}
        self._sums: dict[tuple[tuple[str, str], ...], int] = {}

    def samples(self, members: Iterable[tuple[Labels, Member]]) -> list[Sample]:
        """The counts by group, for those that have an endpoint in force."""
        before, self._last = self._last, {}
        sums, self._sums = self._sums, {}
        for labels, member in members:
            key = tuple(labels.items())
            count = self._last[member] = self._read(member)
            known = self._sums.get(key, sums.get(key, 0))
            self._sums[key] = known + count - before.get(member, 0)
        return [("", dict(key), value) for key, value in self._sums.items()]


class Upstreams:
    """Whom the listeners of a process call; remembers what endpoints have counted."""

    def __init__(self) -> None:
        self._retries = Grown(lambda member: member.stats.retries)
        self._overflows = Grown(lambda member: member.stats.overflow)

    def families(self, doors: Sequence[Listener]) -> Iterator[Family]:
        """The families of their endpoints."""
        members = [(_group_of(member), member) for door in doors for member in door.members()]
        yield from _gauges(members)
        yield Family(
            "meshproxy_upstream_retries_total",
            "counter",
            "Attempts that were not a request's first.",
            self._retries.samples(members),
        )
        yield Family(
            "meshproxy_upstream_overflows_total",
            "counter",
            "Requests that found an endpoint, or the line for it, full.",
            self._overflows.samples(members),
        )


def _gauges(members: Members) -> Iterator[Family]:
    yield Family(
        "meshproxy_upstream_connections",
        "gauge",
        "Connections to endpoints, open or being opened.",
        _summed(
            ({**labels, "protocol": protocol}, pool.opened)
            for labels, member in members
            for protocol, pool in member.pools.items()
        ),
    )
    readings: tuple[tuple[str, str, Callable[[Member], float]], ...] = (
        ("endpoints", "Endpoints in force.", lambda member: 1),
        ("blacklisted", "Endpoints that rest, or are ejected.", _is_left_out),
        ("requests_in_flight", "Attempts under way.", lambda member: member.stats.in_flight),
        ("requests_pending", "Requests that wait for a connection.", lambda member: member.waiting),
    )
    for name, text, read in readings:
        yield Family(
            f"meshproxy_upstream_{name}",
            "gauge",
            text,
            _summed((labels, read(member)) for labels, member in members),
        )


def _is_left_out(member: Member) -> float:
    return member.unreachable > 0 or member.steps == 0


def _summed(readings: Iterable[tuple[Labels, float]]) -> list[Sample]:
    """One sample for all members that have the same labels."""
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, value in readings:
        key = tuple(labels.items())
        sums[key] = sums.get(key, 0) + value
    return [("", dict(key), value) for key, value in sums.items()]


def _group_of(member: Member) -> dict[str, str]:
    return {
        "destination_app": member.stats.service,
        "destination_unit": member.endpoint.unit,
        "destination_group": member.endpoint.group,
    }
