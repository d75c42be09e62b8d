"""Callers that count: kept connections in a closed loop, each request sent exactly once.

Most send the next request as soon as they have an answer. A few are idle for a while in between, as
pools of connections are: these find out whether a server closes under a request. A request is sent
again only when the protocol itself says that nobody touched it.
"""

from __future__ import annotations

import asyncio
import random
import select
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from meshconsole.drill.ledger import Ledger
from proxy.aio import spawn

LOOPBACK = "127.0.0.1"
LONG_EVERY, LONG_BYTES, SHORT_BYTES = 97, 60_000, 200
IDLE_SECONDS = (0.2, 1.8)
STUCK_SECONDS = 60.0
_PAUSE_SECONDS = 0.01


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Callers who speak one protocol at one port."""

    name: str
    """What figures call it."""
    port: int
    make: Callable[[Callers, Line, bool], asyncio.Protocol]
    connections: int
    idlers: int = 0
    tls: ssl.SSLContext | None = None


class Callers:
    """Sends all of a ledger's numbers, over every line at once."""

    def __init__(self, ledger: Ledger, host: str, *, rate: float = 0.0) -> None:
        self.ledger = ledger
        self.host = host.encode()
        self.random = random.Random(7)  # noqa: S311 - chooses pauses, guards nothing
        self.answered: Counter[str] = Counter()
        """Answers by line."""
        self.notes: Counter[str] = Counter()
        """What protocols said about an end, by line."""
        self.epoch = 0
        """Handovers so far."""
        self.dialled = 0
        self._rate = rate
        self._began = 0.0
        self._over = asyncio.Event()
        self._here = 0

    async def fire(self, lines: Sequence[Line]) -> None:
        """Send everything; raises TimeoutError when nothing moves any more."""
        self._began = time.monotonic()
        for line in lines:
            for at in range(line.connections + line.idlers):
                self._here += 1
                spawn(self._dial(line, idler=at >= line.connections), name="dial for a drill")
        while not self._over.is_set():
            done = self.ledger.done
            try:
                async with asyncio.timeout(STUCK_SECONDS):
                    await self._over.wait()
            except TimeoutError:
                if self.ledger.done == done:
                    raise

    def handed_over(self) -> None:
        """Another process accepts from now on."""
        self.epoch += 1

    async def reached(self, done: int) -> None:
        """Wait until so many are over, or all."""
        while self.ledger.done < min(done, self.ledger.total):  # noqa: ASYNC110 - of many, polled
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _dial(self, line: Line, *, idler: bool) -> None:
        loop = asyncio.get_running_loop()
        self.dialled += 1
        try:
            await loop.create_connection(
                lambda: line.make(self, line, idler),
                LOOPBACK,
                line.port,
                ssl=line.tls,
                server_hostname=LOOPBACK if line.tls else None,
            )
        except OSError as error:
            if self.ledger.take() is not None:
                self.ledger.failed(f"{line.name}: not accepted: {error.strerror or error}")
            self.left(line, idler=idler)

    def left(self, line: Line, *, idler: bool) -> None:
        """A connection ended: another comes as long as there is something to send."""
        if self.ledger.has_more:
            spawn(self._dial(line, idler=idler), name="dial for a drill")
            return
        self._here -= 1
        if not self._here:
            self._over.set()

    def ahead(self) -> float:
        """Seconds until the next request may be sent at the wanted rate."""
        if not self._rate:
            return 0.0
        return self.ledger.sent / self._rate - (time.monotonic() - self._began)

    def pause(self) -> float:
        """How long an idle caller waits."""
        return self.random.uniform(*IDLE_SECONDS)


class Conversation(asyncio.Protocol):
    """One connection of a caller, whatever is spoken on it: what is in flight, and when to ask."""

    transport: asyncio.Transport
    places = 1
    """Requests in flight at once."""

    def __init__(self, callers: Callers, line: Line, idler: bool) -> None:
        self.callers = callers
        self.line = line
        self.idler = idler
        self.flying: dict[int, int] = {}
        """Numbers of the ledger by what this connection calls them."""
        self.leaving = False
        """No more requests on this connection."""
        self.epoch = callers.epoch
        self._said: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    # what a protocol adds

    def ask(self, number: int) -> None:
        """Send a request under a number: `fly` and `say`."""
        raise NotImplementedError

    def heard(self, data: bytes) -> None:
        """Bytes came."""
        raise NotImplementedError

    def may_ask(self) -> bool:
        """Is there a place for one more?"""
        return len(self.flying) < self.places

    def greet(self) -> None:
        """The connection is open."""

    # what a protocol uses

    def say(self, *parts: bytes) -> None:
        """Bytes that leave when this turn is over."""
        self._said.extend(parts)

    def answer(self, key: int, echoed: int) -> None:
        """A whole answer under what this connection calls a request."""
        number = self.flying.pop(key, None)
        if number is None:
            self.strayed()
            return
        self.callers.answered[self.line.name] += 1
        self.callers.ledger.answer(number, echoed)

    def failed(self, key: int, why: str) -> None:
        """An answer that is none."""
        if self.flying.pop(key, None) is None:
            self.strayed()
        else:
            self.callers.ledger.failed(f"{self.line.name}: {why}")

    def strayed(self) -> None:
        """Something came that nobody asked for."""
        self.callers.ledger.mixed += 1
        self.note("an answer that nobody asked for")
        self.transport.abort()

    def untouched(self, key: int) -> None:
        """The peer says that it did not touch this request: it may be sent again."""
        number = self.flying.pop(key, None)
        if number is not None:
            self.callers.ledger.again(number)
            self.note("untouched, sent again")

    def note(self, what: str) -> None:
        """Count something for the figures."""
        self.callers.notes[f"{self.line.name}: {what}"] += 1

    # the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.greet()
        self.go_on()

    def data_received(self, data: bytes) -> None:
        self.heard(data)
        if self.idler and self._timer is None and not self.leaving:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.callers.pause(), self.go_on)
        else:
            self.go_on()

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for key in list(self.flying):
            how = "cut after a pause" if self.idler else "cut"
            self.failed(key, f"{how}: {error or 'closed before the answer'}")
        self.callers.left(self.line, idler=self.idler)

    def go_on(self) -> None:
        """Ask as much as there is a place for; end when there is no more to ask."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.idler and not self.flying and is_closing(self.transport):
            self.leaving = True  # as any pool looks before it uses a connection again
        while not self.leaving and self.may_ask() and self._is_time():
            number = self.callers.ledger.take()
            if number is None:
                self.leaving = True
            else:
                self.ask(number)
        if self._said:
            said, self._said = b"".join(self._said), []
            self.transport.write(said)
        if self.leaving and not self.flying:
            self.transport.close()

    def _is_time(self) -> bool:
        ahead = self.callers.ahead()
        if ahead > 0:
            self._timer = asyncio.get_running_loop().call_later(ahead, self.go_on)
        return ahead <= 0


def body_of(number: int, long_bytes: int = LONG_BYTES) -> bytes:
    """What to send under a number; every 97th is long."""
    size = long_bytes if number % LONG_EVERY == 0 else SHORT_BYTES
    return (b"%d " % number).ljust(size, b"x")


def number_in(content: bytes) -> int:
    """The number that a body or an answer begins with; -1 when it is none."""
    first = content.split(b" ", 1)[0]
    return int(first) if first.isdigit() else -1


def is_closing(transport: asyncio.Transport) -> bool:
    """Has the peer said something, or left, though nothing was asked?"""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(0))
