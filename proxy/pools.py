"""Connections to endpoints: opened when needed, kept while warm, closed before the peer would.

A member's pool is its own slots (`proxy.current.Member`); `Pools` moves connections through them.
A request that finds none idle waits in line while a connection is opened; whichever comes free
first, a new one or a used one, goes to the first in line.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable
from time import monotonic
from typing import cast

from proxy.aio import spawn
from proxy.current import Member
from proxy.errors import overflow
from proxy.settings import Limits
from proxy.upstream import Asking, Upstream


class Pools:
    """The rules by which one listener's relay opens, shares and closes connections."""

    def __init__(self, limits: Limits, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self.tls = tls
        """Mutual TLS to every endpoint, or None for plaintext."""

    def acquire(self, member: Member, asking: Asking, fresh: bool) -> Upstream | None:
        """An idle connection, or None: then `asking` waits in line and is told.

        `fresh` takes no idle one. Raises Refusal when the line is full.
        """
        if not fresh:
            connection = _idle_one(member, asking.can_repeat)
            if connection is not None:
                return connection
        if len(member.waiting) >= self._limits.pool_pending:
            raise overflow(member.stats.service)
        member.waiting.append(asking)
        self._dial_more(member)
        return None

    def forget(self, member: Member, asking: Asking) -> None:
        """The exchange no longer waits."""
        if asking in member.waiting:
            member.waiting.remove(asking)

    def free(self, connection: Upstream) -> None:
        """A connection with nothing in flight: to the first in line, or back to the pool."""
        member = connection.member
        if member.waiting:
            cast("Asking", member.waiting.popleft()).send(connection)
        elif member.retired:
            connection.close()
        else:
            connection.used = True
            connection.idle_since = monotonic()
            member.idle.append(connection)

    def ended(self, connection: Upstream) -> None:
        """A connection is no more."""
        member = connection.member
        member.opened -= 1
        if connection in member.idle:
            member.idle.remove(connection)
        self._dial_more(member)

    def sweep(self, members: Iterable[Member], now: float) -> None:
        """Close what has been idle too long; the longest idle stands first."""
        for member in members:
            idle = member.idle
            while idle and now - cast("Upstream", idle[0]).idle_since > member.idle_seconds:
                idle.pop(0).close()

    def close(self, members: Iterable[Member]) -> None:
        """Close every idle connection: this process ends."""
        for member in members:
            member.retire()

    def _dial_more(self, member: Member) -> None:
        while (
            member.dialing < len(member.waiting) and member.opened < self._limits.pool_connections
        ):
            member.dialing += 1
            member.opened += 1
            spawn(self._dial(member), name=f"dial {member.endpoint.addr}")

    async def _dial(self, member: Member) -> None:
        connection = Upstream(self, member)
        seconds = member.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    member.host,
                    member.port,
                    ssl=self.tls,
                    server_hostname="" if self.tls else None,
                )
        except TimeoutError:
            self._dial_failed(connection, f"no connection within {seconds:g} s")
        except (OSError, UnicodeError) as error:
            self._dial_failed(connection, reason_of(error))
        else:
            member.dialing -= 1
            self.free(connection)

    def _dial_failed(self, connection: Upstream, detail: str) -> None:
        member = connection.member
        member.dialing -= 1
        if connection.opened:
            connection.abort()
        else:
            member.opened -= 1
        if member.waiting:
            cast("Asking", member.waiting.popleft()).connect_failed(detail)
        self._dial_more(member)


def reason_of(error: OSError | UnicodeError) -> str:
    """An error's own words, without numbers and addresses of this machine."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _idle_one(member: Member, can_repeat: bool) -> Upstream | None:
    idle = member.idle
    now = monotonic()
    while idle:
        connection = cast("Upstream", idle.pop())
        if connection.is_usable(now, can_repeat):
            return connection
        connection.close()
    return None
