"""Opens the doors, keeps time for what happens behind them, and closes them without loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from time import monotonic

import msgspec

from proxy.aio import spawn
from proxy.arrival import Accepting, Handshake, Meet, arrivals
from proxy.doors import factory, serve
from proxy.listener import Listener
from proxy.settings import HostPort, Limits
from proxy.sockets import BACKLOG, Sockets, emptied
from proxy.stall import STALL

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.2
"""How late a deadline may be noticed: one sweep costs less than a timer per connection."""


ACCEPT_TURNS = 3
HANDSHAKE_SECONDS = 1.0
"""A caller counts once its TLS handshake is over; one that takes longer than this has sent nothing
yet, and knows it."""


class Opening(msgspec.Struct):
    """A listener, the sockets it accepts from, and what accepts."""

    listener: Listener
    sockets: tuple[socket.socket, ...]
    tls: ssl.SSLContext | None
    accepting: list[asyncio.Server | Accepting]
    changing: asyncio.Lock


class Server:
    """The listeners of one process and their common clock."""

    def __init__(
        self, limits: Limits, sockets: Sockets | None = None, *, accepting: bool = True
    ) -> None:
        self._limits = limits
        self.sockets = sockets or Sockets()
        self.accepting = accepting
        """Whoever takes over from another process opens its doors first and accepts later."""
        self._openings: list[Opening] = []
        self.draining = False
        self.each_tick: Callable[[float], None] | None = None
        """Whoever else wants to know, a few times a second, what time it is."""
        self.late_seconds = 0.0
        """How late the last tick came: what the event loop makes everyone wait."""

    @property
    def listeners(self) -> list[Listener]:
        """Every door, in the order they were opened."""
        return [opening.listener for opening in self._openings]

    @property
    def ports(self) -> list[int]:
        """Where they listen; asked for port 0, the kernel chose."""
        return [int(opening.sockets[0].getsockname()[1]) for opening in self._openings]

    def address_of(self, listener: Listener) -> tuple[str, int]:
        """Where it listens; asked for port 0, the kernel chose."""
        opening = next(one for one in self._openings if one.listener is listener)
        host, port, *_ = opening.sockets[0].getsockname()
        return str(host), int(port)

    async def open(
        self, listener: Listener, place: HostPort, tls: ssl.SSLContext | None = None
    ) -> None:
        """Listen at `place`, or where somebody listened before; raises InvalidSettings when the
        place cannot be had."""
        sockets = await self.sockets.of(listener.name, place)
        opening = Opening(listener, sockets, tls, [], asyncio.Lock())
        self._openings.append(opening)
        if listener.gate is not None:
            listener.gate.watch(lambda: self._change(opening))
        if self.accepting:
            await self._accept_anew(opening)

    async def accept(self) -> None:
        """Accept connections at every door."""
        self.accepting = True
        for opening in self._openings:
            await self._accept_anew(opening)

    def stop_accepting(self) -> None:
        """Leave the queues to whoever else has the sockets; without such a process they are lost,
        and new callers are refused by the kernel."""
        self.accepting = False
        for opening in self._openings:
            self._stop(opening)
        self.sockets.close()

    async def _just_accepted(self) -> None:
        """Wait until whoever was accepted last is among the callers."""
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
        if any(opening.tls is not None for opening in self._openings):
            await asyncio.sleep(HANDSHAKE_SECONDS)

    def cut_off(self) -> int:
        """End what outlived the drain; how much it was."""
        for listener in self.listeners:
            listener.cutting = True
        callers = [caller for listener in self.listeners for caller in listener.callers]
        for caller in callers:
            caller.abort()
        return len(callers)

    def _change(self, opening: Opening) -> None:
        """The mode of a door is another: so is how it accepts."""
        if self.accepting and not opening.changing.locked() and _meeting(opening):
            self._stop(opening)
            self._meet(opening)
        elif self.accepting:
            spawn(self._accept_anew(opening), name="change a door")

    async def _accept_anew(self, opening: Opening) -> None:
        """Accept as the door's mode is now; whoever comes in between waits in the queue."""
        async with opening.changing:
            self._stop(opening)
            if self.accepting:
                await self._accept(opening)
            if not self.accepting:
                self._stop(opening)

    async def _accept(self, opening: Opening) -> None:
        if self._meet(opening):
            return
        listener, loop = opening.listener, asyncio.get_running_loop()
        made = arrivals(listener, factory(listener), serve)
        for one in opening.sockets:
            door = await loop.create_server(made, sock=one.dup(), backlog=BACKLOG)
            opening.accepting.append(door)

    def _meet(self, opening: Opening) -> bool:
        """Accept here and not in the event loop, if there is something to do with callers first."""
        meet = _meeting(opening)
        if meet is not None:
            doors = [Accepting(opening.listener, one.dup(), meet) for one in opening.sockets]
            opening.accepting = [*doors]
        return meet is not None

    def _stop(self, opening: Opening) -> None:
        for door in opening.accepting:
            door.close()
        opening.accepting = []

    async def keep_time(self) -> None:
        """Sweep deadlines and write logs, until cancelled."""
        due = monotonic() + TICK_SECONDS
        try:
            while True:
                await asyncio.sleep(max(0.0, due - monotonic()))
                now = monotonic()
                self.late_seconds = now - due
                STALL.beat(now, self.late_seconds)
                due = now + TICK_SECONDS
                self._tick(now)
        finally:
            STALL.stop()

    def _tick(self, now: float) -> None:
        for listener in self.listeners:
            try:
                listener.sweep(now)
                if listener.access_log is not None:
                    listener.access_log.write_soon()
            except Exception:
                logger.exception("a tick of %s failed", listener.name)
        if self.each_tick is not None:
            try:
                self.each_tick(now)
            except Exception:
                logger.exception("endpoints could not be judged")

    def start_draining(self) -> None:
        """From now on every answer says that its connection ends."""
        self.draining = True
        for listener in self.listeners:
            listener.draining = True

    async def drain(self, seconds: float | None = None) -> int:
        """Accept who waits and then nobody, and wait, bounded, for what is under way; how much was
        cut off."""
        self.start_draining()
        if self.accepting:
            waiting = [one for opening in self._openings for one in opening.sockets]
            await emptied(waiting)
            self.stop_accepting()
        await self._just_accepted()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.drain_seconds if seconds is None else seconds):
                for listener in self.listeners:
                    await listener.when_empty()
        left = self.cut_off()
        await asyncio.sleep(0)  # what was cut says its last words before the logs are written
        for listener in self.listeners:
            listener.pools.close(listener.members())
            if listener.access_log is not None:
                await listener.access_log.flush()
        return left


def _meeting(opening: Opening) -> Meet | None:
    """What is to be done with a caller before it is a connection; None for nothing."""
    listener, tls, gate = opening.listener, opening.tls, opening.listener.gate
    if tls is not None:
        return lambda caller, _source: Handshake(listener, serve, caller, tls)
    if gate is not None and gate.takes_tls:
        from proxy.inbound.peek import Peeked

        return lambda caller, source: Peeked(listener, serve, gate, caller, source)
    return None
