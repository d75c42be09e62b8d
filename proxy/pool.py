"""The connections of one protocol to one member: opened when needed, kept while warm, closed before
the peer would.

A request that finds no place waits in line while a connection is opened; whichever has room first,
a new one or a used one, goes to the first in line. How it is dialled, and how connections of
another generation are replaced, is `proxy.replacing`.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from proxy.aio import spawn
from proxy.current import Member
from proxy.dialling import Miss, dialled
from proxy.encryption.dialling import Way
from proxy.errors import resting, unproven
from proxy.links.account import Account
from proxy.replacing import Replacing

if TYPE_CHECKING:
    from proxy.pools import Pools
    from proxy.seam import Asking, Connection, Link

PLACES = {"http2": 100, "bolt": 256}
"""Requests that one new connection of a multiplexed protocol is dialled for; else one."""


class Pool:
    """The connections of one protocol to one member."""

    __slots__ = (
        "called", "connections", "dialing", "limits", "member", "opened", "places", "protocol",
        "ready", "replacing", "tls_sessions", "waiting",
    )  # fmt: skip

    def __init__(self, member: Member, protocol: str, pools: Pools) -> None:
        self.member = member
        self.called = pools.called
        self.protocol = protocol
        self.places = PLACES.get(protocol, 1)
        self.limits = pools.limits
        self.replacing = Replacing(self, pools.dialler, pools.ledger)
        self.connections: set[Connection] = set()
        """Those that are open, but for TCP sessions."""
        self.tls_sessions = 0
        """TCP sessions that are encrypted."""
        self.ready: list[Connection] = []
        """Connections with room; the last one used is taken first."""
        self.opened = 0
        """Connections open or being opened, of every generation."""
        self.dialing = 0
        self.waiting: deque[Asking] = deque()

    @property
    def encrypted(self) -> int:
        """Connections that are open and encrypted."""
        return self.tls_sessions + sum(one.encrypted for one in self.connections)

    def joined(self, connection: Connection) -> Account:
        """A connection is open; where it is counted."""
        self.connections.add(connection)
        connection.ages_at = self.replacing.age(connection.encrypted)
        account = self.replacing.account_of(connection.way)
        account.joined(connection)
        return account

    def acquire(self, asking: Asking, fresh: bool) -> Link | None:
        """A place on a connection with room, or None: then `asking` waits in line and is told."""
        if self.ready and not fresh:
            link = self._take(asking.can_repeat)
            if link is not None:
                return link
        if len(self.waiting) >= self.limits.pool_pending:
            raise self.member.full()
        self.look()
        if not self.opened and monotonic() < self.member.rest_until:
            raise resting(self.member.stats.service, self.member.why)
        self.waiting.append(asking)
        if self.member.retired:
            self.called(self.member)  # it may have been forgotten, as nothing of it was open
        self._dial_more()
        return None

    def has_room(self, connection: Connection) -> None:
        """A connection came free, or has one more place: to the first in line, or ready."""
        if not connection.encrypted and not self.replacing.wanted.plain_too:
            self.replacing.drain(connection, monotonic())
            self._dial_more()
            return
        now = monotonic()
        connection.idle_since = now
        while self.waiting:
            link = connection.take(now, self.waiting[0].can_repeat)
            if link is None:
                connection.close()
                self._dial_more()
                return
            self.waiting.popleft().send(link)
            if not connection.has_room:
                self.unready(connection)
                return
        if self.member.retired:
            connection.close()
        elif not connection.is_ready:
            connection.is_ready = True
            self.ready.append(connection)

    def ended(self, connection: Connection) -> None:
        """A connection is no more."""
        self.opened -= 1
        self.connections.discard(connection)
        self.unready(connection)
        self.wake(self.member.why or "it closed the connection at once")

    def wake(self, why: str) -> None:
        """A connection is no more: who waits is dialled for, or told `why` there is none."""
        self._dial_more()
        if not self.opened and not self.dialing:
            self._tell(len(self.waiting), why)

    def unready(self, connection: Connection) -> None:
        """A connection takes no more requests."""
        if connection.is_ready:
            connection.is_ready = False
            self.ready.remove(connection)

    def sweep(self, now: float, looks: bool = False) -> None:
        """Close what has been idle too long; exclusive ones stand in the order they fell idle.
        `looks` says that it may be dialled in another way now."""
        if looks:
            self.replacing.look(now)
        for connection in list(self.ready):
            if now - connection.idle_since <= self.member.idle_seconds:
                if self.places == 1:
                    break
            elif connection.is_idle:
                self.unready(connection)
                connection.close()
                continue
            connection.sweep(now)
        self.replacing.sweep(now)
        if self.waiting:
            self._dial_more()

    def look(self) -> None:
        """See how to dial now; raises Unavailable when that may not be at all."""
        replacing = self.replacing
        replacing.look(monotonic())
        if replacing.wanted.refusal:
            raise unproven(self.member.stats.service, replacing.wanted.refusal)

    def close_ready(self) -> None:
        """End what is idle now, and what has room when nothing is in flight on it any more."""
        ready, self.ready = self.ready, []
        for connection in ready:
            connection.is_ready = False
            connection.close()

    def _take(self, can_repeat: bool) -> Link | None:
        ready = self.ready
        now = monotonic()
        while ready:
            connection = ready[-1]
            link = connection.take(now, can_repeat)
            if link is None or self.places == 1 or not connection.has_room:
                ready.pop()
                connection.is_ready = False
            if link is not None:
                return link
            connection.close()
        return None

    def _dial_more(self) -> None:
        """For those who wait; one at a time at a member that could not be reached, and not while it
        rests (then a connection that comes free serves them, or the sweep asks again)."""
        most = self.limits.pool_connections
        member = self.member
        if member.unreachable:
            if self.dialing or monotonic() < member.rest_until:
                return
            most = min(most, self.opened + 1)
        if self.waiting and self.replacing.wanted.refusal:
            self._tell(len(self.waiting), self.replacing.wanted.refusal)
            return
        while self.dialing * self.places < len(self.waiting) and self.opened < most:
            self.dialing += 1
            self.opened += 1
            way = self.replacing.way(monotonic())
            spawn(self._dial(way), name=f"dial {member.endpoint.addr}")

    async def _dial(self, way: Way) -> None:
        connection, miss = await self._tried(way)
        if miss is not None and miss.late:
            self._discard(connection)
            self.opened += 1
            connection, miss = await self._tried(way)
        if miss is None:
            self.dialled_well(connection, way)
        else:
            self.dial_failed(connection, way, miss)

    async def _tried(self, way: Way) -> tuple[Connection, Miss | None]:
        connection = dialled(self, way)
        miss = await self.replacing.connected(lambda: connection, way)
        return connection, Miss(connection.unfit) if miss is None and connection.unfit else miss

    def _discard(self, connection: Connection) -> None:
        """Of a dial that failed: what was made already counts itself out as it ends."""
        if connection.opened:
            connection.abort()
        else:
            self.opened -= 1

    def dialled_well(self, connection: Connection, way: Way) -> None:
        """A connection is open; one that ended meanwhile serves nobody, who waits needs another."""
        self.dialing -= 1
        self.member.reached()
        self.replacing.went_well(way)
        if not connection.transport.is_closing():
            self.has_room(connection)
        elif not self.opened:
            self._tell(len(self.waiting), "it closed the connection at once")
        self._dial_more()

    def dial_failed(self, connection: Connection, way: Way, miss: Miss) -> None:
        """No connection came of it. Who waits is told, unless plaintext is allowed and may serve
        where TLS did not come about."""
        self.dialing -= 1
        self._discard(connection)
        now = monotonic()
        if not miss.handshake:
            self.replacing.not_reached(way)
        if not (miss.handshake and self.replacing.failed(way, miss, now)):
            self.member.not_reached(now, miss.why)
            self._tell(self.places if self.opened else len(self.waiting), miss.why)
        self._dial_more()

    def refused(self, connection: Connection, why: str) -> None:
        """A connection that seemed to be made was ended by TLS before the peer said a word: what
        was sent on it was not read."""
        self.replacing.failed(connection.way, Miss(f"TLS: {why}", handshake=True), monotonic())

    def _tell(self, n: int, detail: str) -> None:
        """The first of the line that nothing is opened for them."""
        for _ in range(n):
            if self.waiting:
                self.waiting.popleft().connect_failed(detail)
