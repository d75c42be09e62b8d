"""A caller's connection: what it may not make this proxy do, and how long it may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from proxy.appetite import READ_RATE
from proxy.http1.downstream import Downstream
from proxy.http1.upstream import Upstream
from proxy.listener import Listener
from proxy.relay import BODY_RATE
from tests.fuzz.wires import Queue, Wire, caller, relay, running

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
GRANTED = b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


class Scene(NamedTuple):
    """A caller, its listener, and the connections to the origin so far."""

    queue: Queue
    listener: Listener
    wire: Wire
    origins: list[Wire]


@contextmanager
def _scene() -> Iterator[Scene]:
    with running() as queue:
        origins: list[Wire] = []

        def dialled(protocol: Upstream) -> None:
            origins.append(Wire(queue, protocol))

        listener = relay(queue, dialled)
        yield Scene(queue, listener, caller(queue, listener), origins)


def test_nothing_goes_through_a_tunnel_before_it_is_granted() -> None:
    with _scene() as (queue, _, wire, origins):
        wire.feed(UPGRADE + SMUGGLED)
        queue.run()
        wire.feed(b"more")
        queue.run()
        assert b"smuggled" not in origins[0].said
        origins[0].feed(GRANTED)
        queue.run()
        assert origins[0].said.endswith(SMUGGLED + b"more")


def test_what_came_for_a_tunnel_that_is_not_granted_goes_nowhere() -> None:
    with _scene() as (queue, _, wire, origins):
        wire.feed(UPGRADE + SMUGGLED)
        queue.run()
        origins[0].feed(b"HTTP/1.1 426 No\r\nContent-Length: 0\r\n\r\n")
        queue.run()
        wire.feed(SMUGGLED)
        queue.run()
        assert b"smuggled" not in origins[0].said
        assert origins[0].closing
        assert wire.said.count(b"HTTP/1.1 ") == 1
        assert b"connection: close" in wire.said


def test_nothing_is_begun_for_a_caller_that_left() -> None:
    with _scene() as (queue, _, wire, origins):
        wire.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED)
        queue.run()
        wire.close()
        origins[0].feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        queue.run()
        assert all(b"smuggled" not in origin.said for origin in origins)


class _Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    for module in ("proxy.relay", "proxy.http1.downstream", "proxy.pool"):
        monkeypatch.setattr(f"{module}.monotonic", clock)
    return clock


@pytest.mark.parametrize(
    ("bytes_each_second", "ends"), [(1, True), (BODY_RATE // 2, True), (BODY_RATE * 2, False)]
)
def test_a_body_that_trickles_is_not_waited_for(
    clock: _Clock, bytes_each_second: int, ends: bool
) -> None:
    with _scene() as (queue, listener, wire, origins):
        wire.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        queue.run()
        (downstream,) = listener.callers
        for _ in range(300):
            clock.now += 1.0
            wire.feed(b"x" * bytes_each_second)
            queue.run()
            downstream.sweep(clock.now, False)
            queue.run()
        assert (b"HTTP/1.1 408 " in wire.said) == ends
        assert origins[0].closing == ends


@pytest.mark.parametrize(
    ("bytes_each_second", "ends"), [(0, True), (READ_RATE // 2, True), (READ_RATE * 2, False)]
)
def test_an_answer_that_is_read_in_a_trickle_is_cut(
    clock: _Clock, bytes_each_second: int, ends: bool
) -> None:
    with _scene() as (queue, listener, wire, origins):
        wire.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        queue.run()
        (downstream,) = listener.callers
        assert isinstance(downstream, Downstream)
        origins[0].feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 900_000)
        queue.run()
        wire.untaken = 900_000
        downstream.pause_writing()
        for _ in range(300):
            clock.now += 1.0
            wire.untaken -= bytes_each_second
            downstream.sweep(clock.now, False)
            queue.run()
        assert wire.cut == ends
        assert origins[0].closing == ends


def test_an_idle_caller_has_its_time_from_when_it_has_read_its_answer(clock: _Clock) -> None:
    with _scene() as (queue, listener, wire, origins):
        wire.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        queue.run()
        (downstream,) = listener.callers
        assert isinstance(downstream, Downstream)
        origins[0].feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        queue.run()
        wire.untaken = 100_000
        downstream.pause_writing()
        for _ in range(100):
            clock.now += 1.0
            wire.untaken -= 1000
            downstream.sweep(clock.now, False)
        downstream.resume_writing()
        clock.now += listener.limits.idle_seconds - 1
        downstream.sweep(clock.now, False)
        assert not wire.closing
        clock.now += 2
        downstream.sweep(clock.now, False)
        assert wire.closing
