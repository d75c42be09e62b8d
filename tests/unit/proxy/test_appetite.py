"""How fast a peer takes what waits for it, and what becomes of one that is too slow."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from proxy.appetite import READ_RATE, Appetite, taken_by
from proxy.bolt.codec import CODEC
from proxy.http1.downstream import Downstream as Http1
from proxy.http2.downstream import Downstream as Http2
from proxy.listener import Listener
from proxy.rpc.downstream import Downstream as Framed
from tests.fuzz.wires import Wire, relay, running

PATIENCE = 60.0
Made = Http1 | Http2 | Framed
EVERY: list[Callable[[Listener], Made]] = [Http1, Http2, lambda listener: Framed(listener, CODEC)]


def _until(appetite: Appetite, each_second: int, seconds: int) -> float:
    for now in range(1, seconds + 1):
        appetite.took(each_second, float(now), PATIENCE)
    return appetite.until


def test_whoever_takes_nothing_has_its_patience() -> None:
    assert Appetite(0.0, PATIENCE).until == PATIENCE


@pytest.mark.parametrize("each_second", [READ_RATE, READ_RATE * 1000])
def test_whoever_keeps_the_rate_is_waited_for(each_second: int) -> None:
    assert _until(Appetite(0.0, PATIENCE), each_second, 3600) == 3600 + PATIENCE


def test_half_the_rate_doubles_the_patience() -> None:
    assert _until(Appetite(0.0, PATIENCE), READ_RATE // 2, 120) == 120


def test_time_is_not_saved_up() -> None:
    appetite = Appetite(0.0, PATIENCE)
    appetite.took(1 << 30, 1.0, PATIENCE)
    assert appetite.until == 1.0 + PATIENCE


def test_what_was_written_meanwhile_is_nothing_taken() -> None:
    with running() as queue:
        wire = Wire(queue, asyncio.Protocol())
        wire.untaken = 10
        appetite = Appetite(0.0, PATIENCE, taken_by(wire))
        wire.untaken = 1_000_000
        assert not appetite.is_gone(wire, 1.0, PATIENCE)
        assert appetite.until == PATIENCE


def test_the_kernel_says_what_a_peer_has_taken() -> None:
    class Known(asyncio.Transport):
        def __init__(self, own: socket.socket) -> None:
            super().__init__({"socket": own})

    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as peer,
        server.accept()[0] as own,
    ):
        before = taken_by(Known(own))
        own.sendall(b"x" * 1000)
        assert peer.recv(1000, socket.MSG_WAITALL) == b"x" * 1000
        peer.sendall(b"and so is acknowledged")
        own.recv(1)
        assert taken_by(Known(own)) - before == 1000


@pytest.mark.parametrize("make", EVERY, ids=["http1", "http2", "framed"])
@pytest.mark.parametrize(
    ("each_second", "is_cut"), [(0, True), (READ_RATE // 2, True), (READ_RATE * 2, False)]
)
def test_a_connection_that_is_read_in_a_trickle_is_cut(
    make: Callable[[Listener], Made], each_second: int, is_cut: bool
) -> None:
    with running() as queue:
        listener = relay(queue, lambda _upstream: None)
        connection = make(listener)
        wire = Wire(queue, connection)
        wire.untaken = 1_000_000
        connection.pause_writing()
        now = 1000.0
        for _ in range(300):
            now += 1.0
            wire.untaken -= each_second
            if not wire.closing:
                connection.sweep(now, False)
        assert wire.cut == is_cut


@pytest.mark.parametrize("make", EVERY, ids=["http1", "http2", "framed"])
def test_whoever_has_caught_up_begins_anew(make: Callable[[Listener], Made]) -> None:
    with running() as queue:
        listener = relay(queue, lambda _upstream: None)
        connection = make(listener)
        wire = Wire(queue, connection)
        now = 1000.0
        for _ in range(10):
            wire.untaken = 1_000_000
            connection.pause_writing()
            connection.sweep(now, False)
            now += 15.0
            connection.sweep(now, False)
            wire.untaken = 0
            connection.resume_writing()
            connection.sweep(now, False)
        assert not wire.closing
