"""The moment a connection arrives: whether there is room for it, and whether to encrypt it.

Asked before anything else is spent on it, a handshake above all: whoever opens connections and says
nothing is counted like everybody else. A new socket gets the lowest free descriptor, so that its
number tells how many are in use; above the ceiling callers are turned away, which leaves some for
endpoints, logs and the console. When no descriptor is left at all the event loop closes newcomers
in plaintext, those to be encrypted wait in the queue, and both are accepted again when there are.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Callable
from typing import cast

from proxy.aio import spawn
from proxy.encryption.peers import Peer
from proxy.listener import Listener

logger = logging.getLogger(__name__)

KEPT_BACK = 4
"""A quarter of all descriptors is not for callers."""
KEPT_BACK_LEAST = 24
"""What a process needs in any case: its own files, listeners and a few endpoints."""
PAUSE_SECONDS = 0.2
"""Until the next try when no descriptor is left to accept with."""

Make = Callable[[], asyncio.Protocol]
Meet = Callable[[socket.socket, str], object]
"""Takes an accepted socket, and the address of its caller."""
Serve = Callable[[Listener], asyncio.Protocol]
"""Makes who serves a connection that sees its listener like this."""


def ceiling_of(limit: int) -> int:
    """The descriptor from which on callers are turned away, of a limit on descriptors."""
    return limit - max(KEPT_BACK_LEAST, limit // KEPT_BACK)


def current_ceiling() -> int:
    """The same for this process as it is now."""
    return ceiling_of(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


class Arrival(asyncio.Protocol):
    """Stands in until a connection in plaintext is let in."""

    __slots__ = ("_ceiling", "_listener", "_make", "_serve")

    def __init__(self, listener: Listener, make: Make, serve: Serve, ceiling: int) -> None:
        self._listener = listener
        self._make = make
        self._serve = serve
        self._ceiling = ceiling

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        caller = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        source = peer[0] if peer else ""
        descriptor = transport.get_extra_info("socket").fileno()
        if descriptor < self._ceiling and self._listener.has_room_for(source):
            after = self._after(source)
            caller.set_protocol(after)
            after.connection_made(caller)
        else:
            self._listener.turned_away += 1
            caller.abort()

    def _after(self, source: str) -> asyncio.Protocol:
        listener = self._listener
        place = listener if listener.gate is None else listener.gate.place(listener, source, None)
        return self._make() if place is listener else self._serve(place)


class Accepting:
    """Accepts at one socket, whatever is to be done with a caller first; closes it in the end."""

    def __init__(self, listener: Listener, listening: socket.socket, meet: Meet) -> None:
        self._listener = listener
        self._listening = listening
        self._meet = meet
        self._ceiling = current_ceiling()
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._begin()

    def close(self) -> None:
        """Accept no more."""
        if self._later is not None:
            self._later.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()

    def _begin(self) -> None:
        self._later = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """One of those who wait: the loop comes back for the next, and others have their turn."""
        try:
            caller, peer = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            logger.debug("cannot accept at %s: %s", self._listener.name, error)
            self._loop.remove_reader(self._listening)
            self._later = self._loop.call_later(PAUSE_SECONDS, self._begin)
            return
        if caller.fileno() < self._ceiling and self._listener.has_room_for(peer[0]):
            self._meet(caller, peer[0])
        else:
            self._listener.turned_away += 1
            caller.close()


class Newcomer:
    """A caller that is not known yet; it has its place among the listener's callers."""

    account = None
    encrypted = False
    peer: Peer | None = None
    under_way = 0

    def __init__(self, listener: Listener, serve: Serve, caller: socket.socket) -> None:
        self.listener = listener
        self.caller = caller
        self._serve = serve
        self._connecting: asyncio.Task[None] | None = None
        self._is_ours = True
        """Is the socket still here to be closed, and not yet a transport's?"""
        if listener.joined(self):
            listener.unknown.add(self)
            self.begin()
        else:
            caller.close()

    def begin(self) -> None:
        """It has joined: find out what it is."""
        raise NotImplementedError

    def connect(self, tls: ssl.SSLContext | None, seconds: float) -> None:
        """Make it a connection, with a handshake of so many seconds at most, or in plaintext."""
        self._connecting = spawn(self._connect(tls, seconds), name="take a caller in")
        self._connecting.add_done_callback(lambda _: self.leave())  # also if it never began

    def sweep(self, now: float, draining: bool) -> None:
        """Nothing is overdue: the handshake has a deadline of its own."""

    def turn_to(self, listener: Listener) -> None:
        """It is judged when it is known."""

    def abort(self) -> None:
        """End it now."""
        if self._connecting is not None:
            self._connecting.cancel()
        else:
            self.leave()

    def leave(self) -> None:
        """It is somebody else's, or gone."""
        if self._is_ours:
            self._is_ours = False
            self.caller.close()
        self.listener.unknown.discard(self)
        self.listener.left(self)

    def failed(self, error: OSError) -> None:
        """Whatever it sent, it was no handshake."""

    def place(self, transport: asyncio.Transport) -> Listener | None:
        """The listener as the connection sees it; None says that it was ended."""
        return self.listener

    async def _connect(self, tls: ssl.SSLContext | None, seconds: float) -> None:
        self._is_ours = False
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _StandIn(self),
                self.caller,
                ssl=tls,
                ssl_handshake_timeout=seconds if tls is not None else None,
            )
        except OSError as error:
            self.failed(error)
        finally:
            self.leave()

    def become(self, transport: asyncio.Transport) -> None:
        """It is known now: whoever serves it takes its place."""
        place = self.place(transport)
        self.listener.unknown.discard(self)
        if place is None:
            return
        self.listener.stepped_aside(self)
        after = self._serve(place)
        transport.set_protocol(after)
        after.connection_made(transport)


class Handshake(Newcomer):
    """A caller that has to encrypt, whatever comes first."""

    def __init__(
        self, listener: Listener, serve: Serve, caller: socket.socket, tls: ssl.SSLContext
    ) -> None:
        self._tls = tls
        super().__init__(listener, serve, caller)

    def begin(self) -> None:
        """Shake hands."""
        self.connect(self._tls, self.listener.limits.head_seconds)


class _StandIn(asyncio.Protocol):
    __slots__ = ("_newcomer",)

    def __init__(self, newcomer: Newcomer) -> None:
        self._newcomer = newcomer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._newcomer.become(cast("asyncio.Transport", transport))


def arrivals(listener: Listener, make: Make, serve: Serve) -> Callable[[], Arrival]:
    """What the event loop calls for each connection it accepts in plaintext."""
    ceiling = current_ceiling()
    return lambda: Arrival(listener, make, serve, ceiling)
