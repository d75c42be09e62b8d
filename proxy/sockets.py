"""Listening sockets: bound here or taken over, and kept so that a queue outlives who accepts.

Connections wait in a queue that belongs to the socket and not to a process. So the socket that
accepts is always a duplicate: closing it loses nobody while another, here or in a process that it
was handed to, is open.
"""

from __future__ import annotations

import asyncio
import errno
import select
import socket
from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.ends import ask_after
from proxy.settings import HostPort, InvalidSettings

BACKLOG = 4096
QUEUE_TURNS = 2000
"""Turns of the event loop in which who waits already is accepted before a door closes for good;
a flood does not keep it open."""


class Bound(msgspec.Struct, frozen=True):
    """The sockets of one listener: one, one for each of a name's addresses, or one per worker."""

    name: str
    place: str
    sockets: tuple[socket.socket, ...]


class Sockets:
    """Every listening socket of this process, by listener."""

    def __init__(self, inherited: Iterable[Bound] = (), copies: int = 1) -> None:
        self._bound: dict[str, Bound] = {}
        self._inherited = {(bound.name, bound.place): bound for bound in inherited}
        self._copies = copies
        """Sockets that share one place, each with a queue of its own."""

    async def of(self, name: str, place: HostPort, copies: int = 0) -> tuple[socket.socket, ...]:
        """The sockets of a listener: those taken over, or new ones. Raises InvalidSettings."""
        bound = self.inherited(name, str(place))
        if bound is None:
            made = await _bind(name, place, copies or self._copies)
            bound = Bound(name, str(place), tuple(made))
        self._bound[name] = bound
        return bound.sockets

    def keep(self, bound: Bound) -> None:
        """Keep sockets that were made elsewhere."""
        self._bound[bound.name] = bound

    def inherited(self, name: str, place: str) -> Bound | None:
        """Sockets that were taken over and that nobody asked for yet."""
        return self._inherited.pop((name, place), None)

    def all(self) -> list[Bound]:
        """What this process listens on."""
        return list(self._bound.values())

    def release_unwanted(self) -> None:
        """Close what was taken over and is not used: its place is no longer listened on."""
        unwanted, self._inherited = self._inherited, {}
        for bound in unwanted.values():
            close_all(bound.sockets)

    def close(self) -> None:
        """Close all of them: whoever still waits in a queue that no other process has is lost."""
        self.release_unwanted()
        bound, self._bound = self._bound, {}
        for one in bound.values():
            close_all(one.sockets)


def close_all(sockets: Iterable[socket.socket]) -> None:
    """Close sockets."""
    for one in sockets:
        one.close()


def share(sockets: tuple[socket.socket, ...], workers: int, at: int) -> tuple[socket.socket, ...]:
    """Which sockets worker number `at` accepts from: every socket has a worker, and every worker a
    socket, which it shares with others when there are fewer sockets than workers."""
    return sockets[at::workers] or (sockets[at % len(sockets)],)


def has_waiting(sockets: Iterable[socket.socket]) -> bool:
    """Does a connection wait to be accepted?"""
    poll = select.poll()
    for one in sockets:
        poll.register(one.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def has_unread(transport: asyncio.BaseTransport) -> bool:
    """Has the peer sent what was not read yet? Then this is no moment to close."""
    return has_waiting((transport.get_extra_info("socket"),))


async def _bind(name: str, place: HostPort, copies: int) -> list[socket.socket]:
    made: list[socket.socket] = []
    try:
        for family, address in await _addresses(place):
            if copies > 1:
                _listening(family, address, shared=False).close()  # is it taken by somebody else?
            first = _listening(family, address, shared=copies > 1)
            made.append(first)
            made += [
                _listening(family, first.getsockname(), shared=True) for _ in range(copies - 1)
            ]
    except OSError as error:
        close_all(made)
        raise InvalidSettings(cannot_listen(name, place, error)) from None
    return made


async def _addresses(place: HostPort) -> list[tuple[int, Any]]:
    found = await asyncio.get_running_loop().getaddrinfo(
        place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listening(family: int, address: Any, *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        ask_after(made)  # what is accepted inherits it
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def cannot_listen(name: str, place: HostPort, error: OSError) -> str:
    """The sentence for a port that cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken already: stop what listens there, or give {name} another port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{place} is not an address of this machine: give {name} one that is."
    if error.errno == errno.EACCES:
        return f"This user may not listen on {place}: give {name} a port above 1023."
    return f"Cannot listen on {place} for {name}: {error}."


async def emptied(sockets: list[socket.socket]) -> None:
    """Wait until nobody waits to be accepted, so many turns at most; somebody must be accepting."""
    for _ in range(QUEUE_TURNS):
        if not has_waiting(sockets):
            return
        await asyncio.sleep(0)
