"""Callers and origins understand each other, however bytes are cut, and count what happens."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from meshconsole.drill.callers import Callers, Conversation, Line
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.spoken import bolt, frames, http1, http2, tcp
from meshconsole.drill.spoken.serving import House, Served

TOTAL = 98
ENDS = {
    "h1": (http1.Caller, http1.Server),
    "h2": (http2.Caller, http2.Server),
    "bolt": (bolt.Caller, bolt.Server),
    "tcp": (tcp.Caller, tcp.Server),
}
SLOW = {
    "h1 slow": (http1.SlowCaller, http1.Server),
    "h2 slow": (http2.SlowCaller, http2.Server),
}


class Pipe(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    abort = close

    def taken(self) -> bytes:
        said, self.written = self.written, b""
        return said


class Ends:
    """A caller and a server, and what the ledger says of them."""

    def __init__(self, name: str, total: int = TOTAL) -> None:
        caller, server = (ENDS | SLOW)[name]
        self.ledger = Ledger(total)
        self.callers = Callers(self.ledger, "orders")
        self.callers.left = lambda line, *, idler: None  # type: ignore[method-assign]
        line = Line(name=name, port=0, make=caller, connections=1)
        self.caller: Conversation = caller(self.callers, line, False)
        self.server: Served = server(House(self.ledger))
        self.near, self.far = Pipe(), Pipe()
        self.server.connection_made(self.far)
        self.caller.connection_made(self.near)

    def talk(self, piece: int) -> None:
        """Carry bytes both ways, so many at a time, until nobody says anything."""
        while self.near.written or self.far.written:
            for pipe, other in ((self.near, self.server), (self.far, self.caller)):
                said = pipe.taken()
                for at in range(0, len(said), piece):
                    other.data_received(said[at : at + piece])


@pytest.mark.parametrize("piece", [7, 1000, 1 << 20])
@pytest.mark.parametrize("name", sorted(ENDS))
def test_every_request_is_counted_once_however_bytes_are_cut(name: str, piece: int) -> None:
    ends = Ends(name)
    ends.talk(piece)
    assert ends.ledger.short() == []
    assert ends.callers.answered == {name: TOTAL}
    assert ends.near.closed


@pytest.mark.parametrize("name", sorted(ENDS))
def test_a_connection_that_is_cut_costs_what_is_in_flight(name: str) -> None:
    ends = Ends(name)
    in_flight = len(ends.caller.flying)
    assert in_flight == type(ends.caller).places
    ends.caller.connection_lost(None)
    assert sum(ends.ledger.failures.values()) == in_flight


def test_streams_above_the_last_of_goaway_are_sent_again_and_the_others_are_not() -> None:
    ends = Ends("h2")
    asked = dict(ends.caller.flying)
    last = 5
    goaway = frames.frame(frames.GOAWAY, 0, 0, frames.number(last) + frames.number(0))
    ends.caller.data_received(goaway)
    assert set(ends.caller.flying) == {1, 3, 5}
    assert not ends.near.closed
    assert ends.ledger.returned == len(asked) - 3
    again = {cast("int", ends.ledger.take()) for _ in range(ends.ledger.returned)}
    assert again == {number for stream, number in asked.items() if stream > last}


def test_a_first_goaway_ends_nothing_that_is_under_way() -> None:
    ends = Ends("h2")
    in_flight = len(ends.caller.flying)
    warning = frames.frame(frames.GOAWAY, 0, 0, frames.number(http2.NO_STREAM) + frames.number(0))
    ends.caller.data_received(warning)
    assert (ends.ledger.returned, len(ends.caller.flying)) == (0, in_flight)
    ends.talk(1 << 20)
    assert ends.near.closed
    assert ends.callers.answered["h2"] == in_flight


def test_a_stream_that_is_reset_is_a_failure_unless_it_was_refused_untouched() -> None:
    ends = Ends("h2")
    ends.caller.data_received(frames.frame(frames.RST_STREAM, 0, 1, frames.number(2)))
    refused = frames.number(frames.REFUSED_STREAM)
    ends.caller.data_received(frames.frame(frames.RST_STREAM, 0, 3, refused))
    assert ends.ledger.failures == {"h2: reset, code 2": 1}
    assert ends.ledger.returned == 1


def test_after_goaway_a_bolt_caller_finishes_and_asks_no_more() -> None:
    ends = Ends("bolt")
    in_flight = len(ends.caller.flying)
    leave = bolt._REQUEST.pack(1, 1, bolt.LEAVE, 1, 0, 1, 0, 0, 0, 0)
    ends.caller.data_received(leave)
    ends.talk(1 << 20)
    assert ends.near.closed
    assert ends.callers.answered == {"bolt": in_flight}
    assert ends.ledger.has_more


@pytest.mark.parametrize("name", sorted(ENDS))
def test_an_answer_to_another_request_is_mixed(name: str) -> None:
    ends = Ends(name)

    def swapped(number: int, in_body: int) -> None:
        Ledger.arrived(ends.ledger, number + 1, in_body)

    cast("Any", ends.ledger).arrived = swapped
    ends.server.data_received(ends.near.taken())
    assert ends.ledger.mixed > 0


@pytest.mark.parametrize("name", sorted(SLOW))
async def test_an_origin_thinks_for_as_long_as_it_was_asked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    ends = Ends(name, 1)
    loop = asyncio.get_running_loop()

    def at_once(seconds: float, what: Any, *given: Any) -> None:
        waits.append(seconds)
        loop.call_soon(what, *given)

    monkeypatch.setattr(loop, "call_later", at_once)
    ends.talk(1 << 20)
    assert (ends.ledger.received[0], ends.ledger.answered[0]) == (1, 0)
    await asyncio.sleep(0)
    ends.talk(1 << 20)
    assert waits == [3.0]
    assert ends.ledger.short() == []
