"""Opens the doors, keeps time for what happens behind them, and closes them without loss."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import ssl
from collections.abc import Collection
from time import monotonic

from proxy.doors import factory
from proxy.listener import CallerConnection, Listener
from proxy.settings import HostPort, InvalidSettings, Limits

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.2
"""How late a deadline may be noticed: one sweep costs less than a timer per connection."""
BACKLOG = 4096


class Server:
    """The listeners of one process and their common clock."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bound: list[tuple[Listener, asyncio.Server]] = []
        self.draining = False
        self.late_seconds = 0.0
        """How late the last tick came: what the event loop makes everyone wait."""

    @property
    def listeners(self) -> list[Listener]:
        """Every door, in the order they were opened."""
        return [listener for listener, _ in self._bound]

    @property
    def ports(self) -> list[int]:
        """Where they listen; asked for port 0, the kernel chose."""
        return [bound.sockets[0].getsockname()[1] for _, bound in self._bound]

    async def open(
        self, listener: Listener, place: HostPort, tls: ssl.SSLContext | None = None
    ) -> None:
        """Accept connections at `place`; raises InvalidSettings when it cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                factory(listener),
                place.host,
                place.port,
                ssl=tls,
                backlog=BACKLOG,
                reuse_address=True,
                ssl_handshake_timeout=self._limits.head_seconds if tls else None,
            )
        except OSError as error:
            raise InvalidSettings(cannot_listen(listener.name, place, error)) from None
        self._bound.append((listener, server))

    async def keep_time(self) -> None:
        """Sweep deadlines and write logs, until cancelled."""
        due = monotonic() + TICK_SECONDS
        while True:
            await asyncio.sleep(max(0.0, due - monotonic()))
            now = monotonic()
            self.late_seconds = now - due
            due = now + TICK_SECONDS
            for listener, _ in self._bound:
                try:
                    _tick(listener, now)
                except Exception:
                    logger.exception("a tick of %s failed", listener.name)

    def start_draining(self) -> None:
        """From now on every answer says that its connection ends."""
        self.draining = True
        for listener, _ in self._bound:
            listener.draining = True

    async def drain(self) -> int:
        """Accept nothing new and wait, bounded, for what is under way; how much was cut off."""
        self.start_draining()
        for _, server in self._bound:
            server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.drain_seconds):
                for listener, _ in self._bound:
                    await listener.when_empty()
        left = 0
        for listener, _ in self._bound:
            left += cut_off(listener.callers)
            listener.pools.close(listener.members())
            if listener.access_log is not None:
                await listener.access_log.flush()
        return left


def _tick(listener: Listener, now: float) -> None:
    listener.sweep(now)
    if listener.access_log is not None:
        listener.access_log.write_soon()


def cut_off(callers: Collection[CallerConnection]) -> int:
    """End what outlived the drain."""
    for caller in list(callers):
        caller.abort()
    return len(callers)


def cannot_listen(name: str, place: HostPort, error: OSError) -> str:
    """The sentence for a port that cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken already: stop what listens there, or give {name} another port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{place} is not an address of this machine: give {name} one that is."
    if error.errno == errno.EACCES:
        return f"This user may not listen on {place}: give {name} a port above 1023."
    return f"Cannot listen on {place} for {name}: {error}."
