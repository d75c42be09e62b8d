"""What workers tell adds up in their parent, and leaves with a worker only what was counted."""

from __future__ import annotations

import msgspec

from proxy.assembly import fixed
from proxy.contract.reports import ErrorClass
from proxy.contract.snapshot import Endpoint
from proxy.failures import Failure, Unheard
from proxy.links.ledger import Ledger
from proxy.listener import Listener
from proxy.pools import Pools
from proxy.settings import HostPort, Limits
from proxy.steering.router import FixedRouter
from proxy.windows import Windows
from proxy.workers.merge import Elsewhere, Merger
from proxy.workers.teller import FAILURES_LIMIT, Heard, Teller
from proxy.workers.words import FROM_WORKER, Seen


class Side:
    """A listener with two endpoints: a worker's, or the parent's."""

    def __init__(self) -> None:
        choice = fixed("stock", (HostPort("h", 1), HostPort("h", 2)))
        self.members = choice.members
        self.windows = Windows()
        self.woken = 0
        self.heard = Heard(self._wake)
        self.listener = Listener(
            name="listen",
            side="out",
            routing=FixedRouter(choice),
            members=lambda: self.members,
            pools=Pools(Limits()),
            windows=self.windows,
            failures=Unheard(),
            access_log=None,
            limits=Limits(),
        )
        self.ledger = Ledger()
        self.teller = Teller(lambda: [self.listener], self.windows, self.heard, self.ledger)

    def _wake(self) -> None:
        self.woken += 1

    def serve(self, requests: int, *, in_flight: int = 0, opened: int = 0) -> None:
        """Answer requests at the first endpoint."""
        member = self.members[0]
        member.stats.attempts += requests
        member.stats.answered += requests
        member.stats.in_flight = in_flight
        pool = Elsewhere()
        pool.opened, pool.ready = opened, range(opened - in_flight)
        member.pools["http1"] = pool
        counts = self.windows.counts("out", "stock", "u", "g", "i", False)
        for _ in range(requests):
            counts.observe(200, None, 0.001, 10, 20)
        self.listener.accepted += requests
        self.listener.refused("UO")

    def seen(self) -> Seen:
        """What it tells, through the wire's words."""
        told = FROM_WORKER.decode(msgspec.msgpack.encode(self.teller.seen()))
        assert isinstance(told, Seen)
        return told


class Ear:
    """Remembers failures."""

    def __init__(self) -> None:
        self.heard: list[Failure] = []

    def failed(self, failure: Failure, /) -> None:
        self.heard.append(failure)


def _failure(error: ErrorClass, elapsed: float = 0.0) -> Failure:
    endpoint = Endpoint(id="a", addr="h:1", group="g", unit="u")
    return Failure(service="stock", endpoint=endpoint, error=error, elapsed=elapsed)


def _parent() -> tuple[Side, Merger, Ear]:
    parent, ear = Side(), Ear()
    return parent, Merger(lambda: [parent.listener], parent.windows, ear, parent.ledger), ear


def test_counters_gauges_and_traffic_of_two_workers_add_up() -> None:
    parent, merger, _ = _parent()
    one, other = Side(), Side()
    for turn in range(3):
        one.serve(5, in_flight=2, opened=4)
        other.serve(7, in_flight=turn, opened=3)
        merger.take(0, one.seen())
        merger.take(1, other.seen())
    member = parent.members[0]
    assert (member.stats.attempts, member.stats.answered) == (36, 36)
    assert (member.stats.in_flight, member.opened, member.idle) == (4, 7, 3)
    assert parent.listener.accepted == 36
    assert parent.listener.refusals == {"UO": 6}
    (edge,) = parent.windows.totals()
    assert (edge.requests, edge.status, edge.bytes_in) == (36, {"2xx": 36}, 360)
    assert sum(edge.latency) == 36


def test_a_worker_that_is_gone_takes_its_connections_along_and_not_its_counts() -> None:
    parent, merger, _ = _parent()
    one, other = Side(), Side()
    one.serve(5, in_flight=2, opened=4)
    other.serve(7, in_flight=1, opened=3)
    merger.take(0, one.seen())
    merger.take(1, other.seen())
    merger.forget(0)
    member = parent.members[0]
    assert (member.stats.in_flight, member.opened) == (1, 3)
    assert member.stats.attempts == 12
    fresh = Side()  # the one that takes its place counts from zero
    fresh.serve(1)
    merger.take(0, fresh.seen())
    assert member.stats.attempts == 13


def test_nothing_is_told_of_endpoints_where_nothing_happened() -> None:
    side = Side()
    side.serve(1)
    assert [one.id for one in side.seen().endpoints] == ["h:1"]
    assert side.seen().endpoints == []
    assert side.seen().windows == []


def test_an_endpoint_that_left_and_came_back_counts_from_zero() -> None:
    parent, merger, _ = _parent()
    side = Side()
    side.serve(5)
    merger.take(0, side.seen())
    side.members = fixed("stock", (HostPort("h", 1),)).members
    side.serve(2)
    merger.take(0, side.seen())
    assert parent.members[0].stats.attempts == 7


def test_failures_reach_the_ear_and_what_cannot_be_reached_wakes_the_worker() -> None:
    _, merger, ear = _parent()
    side = Side()
    errors: tuple[ErrorClass, ...] = ("timeout", "connect")
    for error in errors:
        side.heard.failed(_failure(error, elapsed=0.5))
    assert side.woken == 1
    merger.take(0, side.seen())
    assert [(one.error, one.endpoint.id, one.elapsed) for one in ear.heard] == [
        ("timeout", "a", 0.5),
        ("connect", "a", 0.5),
    ]
    assert side.seen().failures == []


def test_a_storm_of_failures_is_told_in_part() -> None:
    side = Side()
    for _ in range(3 * FAILURES_LIMIT):
        side.heard.failed(_failure("timeout"))
    assert len(side.seen().failures) == FAILURES_LIMIT
