"""A relay without sockets: its callers and origins are objects, and its event loop is a queue."""

from __future__ import annotations

import asyncio
import socket
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from proxy.assembly import fixed
from proxy.contract.snapshot import ServiceProtocol
from proxy.dialling import dialled
from proxy.encryption.dialling import PLAIN
from proxy.failures import Unheard
from proxy.http1.downstream import Downstream
from proxy.http1.upstream import Upstream
from proxy.listener import Listener
from proxy.member import Member
from proxy.pool import Pool
from proxy.pools import Pools
from proxy.settings import HostPort, Limits, Spoken
from proxy.steering.router import FixedRouter
from proxy.windows import Windows

_SOCKETS = socket.socketpair()
"""Stands for whatever socket is asked for; nothing is ever sent on it."""


class Queue:
    """An event loop that knows nothing but `call_soon`."""

    def __init__(self) -> None:
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def call_soon(self, call: Callable[..., object], *args: Any) -> None:
        self._calls.append((call, args))

    def run(self) -> None:
        """Until nothing is left to do."""
        while self._calls:
            call, args = self._calls.popleft()
            call(*args)


class Wire(asyncio.Transport):
    """One side's end of a connection; what it says is kept, and told to whoever listens."""

    def __init__(
        self,
        queue: Queue,
        protocol: asyncio.Protocol | Upstream,
        heard: Callable[[bytes], None] | None = None,
        encrypted: bool = False,
    ) -> None:
        super().__init__({"socket": _SOCKETS[0], "ssl_object": object() if encrypted else None})
        self._queue = queue
        self._protocol = protocol
        self._heard = heard
        self._paused = False
        self._kept: deque[bytes] = deque()
        self.said = bytearray()
        self.closing = False
        self.over = False
        """Does the other side read an end after what was said?"""
        self.cut = False
        """Was it ended in a way that nobody takes for an end?"""
        self.untaken = 0
        """Bytes that the other side has not taken yet, as a test wants it."""
        protocol.connection_made(self)

    def feed(self, data: bytes) -> None:
        """Bytes come from the other side."""
        if data:
            self._kept.append(data)
            self._flush()

    def end(self) -> None:
        """The other side says that it is done."""
        if not self.closing:
            self._protocol.eof_received()
            self.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closing:
            self.said += data
            if self._heard is not None:
                self._queue.call_soon(self._heard, bytes(data))

    def close(self) -> None:
        if not self.closing:
            self.closing = self.over = True
            self._queue.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.cut = True
        self.close()

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._queue.call_soon(self._flush)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Everything is taken at once, unless a test says otherwise."""

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.over = True

    def _flush(self) -> None:
        while self._kept and not self._paused and not self.closing:
            self._protocol.data_received(self._kept.popleft())


class _Pool(Pool):
    def _dial_more(self) -> None:
        pools = cast("_Pools", self.pools)
        if self.waiting and not self.dialing:
            self.dialing = 1
            self.opened += 1
            pools.queue.call_soon(self._dialled)

    def _dialled(self) -> None:
        self.dialing = 0
        connection = dialled(self, PLAIN)
        cast("_Pools", self.pools).dialled(connection)
        self.has_room(connection)
        self._dial_more()

    pools: Pools


class _Pools(Pools):
    def __init__(self, queue: Queue, limits: Limits, dialled: Callable[[Any], None]) -> None:
        super().__init__(limits)
        self.queue = queue
        self.dialled = dialled

    def pool(self, member: Member, protocol: str) -> Pool:
        pool = member.pools.get(protocol)
        if pool is None:
            made = member.pools[protocol] = _Pool(member, protocol, self)
            made.pools = self
            return made
        return cast("Pool", pool)


@contextmanager
def running() -> Iterator[Queue]:
    """The queue is the loop that runs."""
    queue = Queue()
    before = asyncio._get_running_loop()
    _set_running_loop(cast("asyncio.AbstractEventLoop", queue))
    try:
        yield queue
    finally:
        _set_running_loop(before)


def relay(
    queue: Queue,
    dialled: Callable[[Any], None],
    *,
    speaks: Spoken = "http1",
    protocol: ServiceProtocol = "auto",
) -> Listener:
    """A listener whose requests go to one endpoint, which speaks `protocol`; `dialled` wires each
    connection to it."""
    limits = Limits()
    choice = fixed("upstream", (HostPort("127.0.0.1", 1),), protocol=protocol)
    return Listener(
        name="listen",
        side="out",
        routing=FixedRouter(choice),
        members=lambda: choice.members,
        pools=_Pools(queue, limits, dialled),
        windows=Windows(),
        failures=Unheard(),
        access_log=None,
        limits=limits,
        speaks=speaks,
    )


def caller(queue: Queue, listener: Listener, encrypted: bool = False) -> Wire:
    """A caller's connection to it."""
    return Wire(queue, Downstream(listener), encrypted=encrypted)
