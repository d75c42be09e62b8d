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


def ceiling_of(limit: int) -> int:
    """The descriptor from which on callers are turned away, of a limit on descriptors."""
    return limit - max(KEPT_BACK_LEAST, limit // KEPT_BACK)


def current_ceiling() -> int:
    """The same for this process as it is now."""
    return ceiling_of(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


class Arrival(asyncio.Protocol):
    """Stands in until a connection in plaintext is let in."""

    __slots__ = ("_ceiling", "_listener", "_make")

    def __init__(self, listener: Listener, make: Make, ceiling: int) -> None:
        self._listener = listener
        self._make = make
        self._ceiling = ceiling

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        caller = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        descriptor = transport.get_extra_info("socket").fileno()
        if descriptor < self._ceiling and self._listener.has_room_for(peer[0] if peer else ""):
            after = self._make()
            caller.set_protocol(after)
            after.connection_made(caller)
        else:
            self._listener.turned_away += 1
            caller.abort()


class EncryptedDoor:
    """Accepts at one socket and shakes hands with each caller; closes it in the end."""

    def __init__(
        self, listener: Listener, make: Make, listening: socket.socket, tls: ssl.SSLContext
    ) -> None:
        self._listener = listener
        self._make = make
        self._listening = listening
        self._tls = tls
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
            Handshake(self._listener, self._make, caller, self._tls)
        else:
            self._listener.turned_away += 1
            caller.close()


class Handshake:
    """A caller that is not known yet; it has its place among the listener's callers."""

    encrypted = False
    peer: Peer | None = None

    def __init__(
        self, listener: Listener, make: Make, caller: socket.socket, tls: ssl.SSLContext
    ) -> None:
        self.listener = listener
        self._make = make
        if listener.joined(self):
            self._shaking = spawn(self._shake(caller, tls), name="handshake")
        else:
            caller.close()

    def sweep(self, _now: float, _draining: bool) -> None:
        """Nothing is overdue: the handshake has a deadline of its own."""

    def abort(self) -> None:
        """End it now."""
        self._shaking.cancel()

    async def _shake(self, caller: socket.socket, tls: ssl.SSLContext) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._made,
                caller,
                ssl=tls,
                ssl_handshake_timeout=self.listener.limits.head_seconds,
            )
        except OSError:
            pass  # whatever they sent, it was no handshake
        finally:
            self.listener.left(self)

    def _made(self) -> asyncio.Protocol:
        return _Encrypted(self)

    def become(self, transport: asyncio.Transport) -> None:
        """It is known now: whoever serves it takes its place."""
        self.listener.stepped_aside(self)
        after = self._make()
        transport.set_protocol(after)
        after.connection_made(transport)


class _Encrypted(asyncio.Protocol):
    __slots__ = ("_handshake",)

    def __init__(self, handshake: Handshake) -> None:
        self._handshake = handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handshake.become(cast("asyncio.Transport", transport))


def arrivals(listener: Listener, make: Make) -> Callable[[], Arrival]:
    """What the event loop calls for each connection it accepts in plaintext."""
    ceiling = current_ceiling()
    return lambda: Arrival(listener, make, ceiling)
