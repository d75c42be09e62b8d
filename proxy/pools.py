"""Connections to endpoints: opened when needed, kept while warm, closed before the peer would.

A pool holds the connections of one protocol to one member (`proxy.current.Member.pools`); `Pools`
are the rules of one listener. A request that finds no place waits in line while a connection is
opened; whichever has room first, a new one or a used one, goes to the first in line. Every
connection belongs to a generation: when what it would be dialled with changes (its TLS), older ones
take no more requests and close as they fall idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING, cast

from proxy.aio import spawn
from proxy.current import Member
from proxy.dialling import Contexts, dialled, reason_of
from proxy.errors import other_protocol, resting
from proxy.links.account import PLAIN, Account
from proxy.links.ledger import Ledger
from proxy.settings import Limits

if TYPE_CHECKING:
    from proxy.seam import Asking, Connection, Link


PLACES = {"http2": 100, "bolt": 256}
"""Requests that one new connection of a multiplexed protocol is dialled for; else one."""

FRAMED = frozenset({"bolt"})
"""Protocols that no other can be turned into."""


class Pools:
    """The rules by which one listener's relay opens, shares and closes connections."""

    def __init__(
        self, limits: Limits, tls: Contexts | None = None, ledger: Ledger | None = None
    ) -> None:
        self.limits = limits
        self.ledger = ledger or Ledger()
        """Where connections are counted; one of its own tells nobody."""
        self.tls = tls
        """Mutual TLS to every endpoint, or None for plaintext."""
        self.generation = 0

    def acquire(self, member: Member, asking: Asking, protocol: str, fresh: bool) -> Link | None:
        """A place for a request of a caller that speaks `protocol`, or None: then `asking` waits in
        line and is told. `fresh` takes a new connection only. Raises Refusal when the line, or the
        endpoint, is full."""
        if member.stats.in_flight >= self.limits.pool_requests:
            raise member.full()
        theirs = member.protocol
        if theirs and theirs != protocol and (theirs in FRAMED or protocol in FRAMED):
            raise other_protocol(member.stats.service, theirs, protocol)
        protocol = "http1" if asking.request.upgrade else theirs or protocol
        pool = member.pools.get(protocol) or self.pool(member, protocol)
        return cast("Pool", pool).acquire(asking, fresh)

    def pool(self, member: Member, protocol: str) -> Pool:
        """The member's pool of a protocol, made when there is none."""
        pool = member.pools.get(protocol)
        if pool is None:
            pool = member.pools[protocol] = Pool(member, protocol, self)
        return cast("Pool", pool)

    def forget(self, member: Member, asking: Asking) -> None:
        """The exchange no longer waits."""
        for pool in member.pools.values():
            waiting = cast("Pool", pool).waiting
            if asking in waiting:
                waiting.remove(asking)

    def renew(self, members: Iterable[Member], tls: Contexts | None) -> None:
        """From now on dial with other TLS, or none; older connections end as they fall idle."""
        self.tls = tls
        self.generation += 1
        for member in members:
            for pool in member.pools.values():
                cast("Pool", pool).renew(self.tls, self.generation)

    def sweep(self, members: Iterable[Member], now: float) -> None:
        """Close what has been idle too long."""
        for member in members:
            for pool in member.pools.values():
                cast("Pool", pool).sweep(now)

    def close(self, members: Iterable[Member]) -> None:
        """Close every idle connection: this process ends."""
        for member in members:
            member.retire()


class Pool:
    """The connections of one protocol to one member."""

    __slots__ = (
        "_ledger", "dialing", "generation", "limits", "member", "opened", "places", "protocol",
        "ready", "tls", "waiting",
    )  # fmt: skip

    def __init__(self, member: Member, protocol: str, pools: Pools) -> None:
        self.member = member
        self.protocol = protocol
        self.places = PLACES.get(protocol, 1)
        self.limits = pools.limits
        self._ledger = pools.ledger
        self.tls = pools.tls
        self.generation = pools.generation
        self.ready: list[Connection] = []
        """Connections with room; the last one used is taken first."""
        self.opened = 0
        """Connections open or being opened, of every generation."""
        self.dialing = 0
        self.waiting: deque[Asking] = deque()

    @property
    def account(self) -> Account:
        """Where a connection that is dialled now is counted."""
        endpoint = self.member.endpoint
        return self._ledger.endpoint(
            self.member.stats.service,
            endpoint.unit,
            endpoint.id if endpoint.group else "",  # of strangers nobody knows more than that
            self.protocol,
            f"files {self.generation}" if self.tls else PLAIN,
            self.tls is not None,
        )

    def acquire(self, asking: Asking, fresh: bool) -> Link | None:
        """A place on a connection with room, or None: then `asking` waits in line and is told."""
        if self.ready and not fresh:
            link = self._take(asking.can_repeat)
            if link is not None:
                return link
        if len(self.waiting) >= self.limits.pool_pending:
            raise self.member.full()
        if not self.opened and monotonic() < self.member.rest_until:
            raise resting(self.member.stats.service, self.member.why)
        self.waiting.append(asking)
        self._dial_more()
        return None

    def has_room(self, connection: Connection) -> None:
        """A connection came free, or has one more place: to the first in line, or ready."""
        if connection.generation != self.generation:
            connection.close()
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
        self.unready(connection)
        self._dial_more()
        if not self.opened:
            self._tell(len(self.waiting), self.member.why or "it closed the connection at once")

    def unready(self, connection: Connection) -> None:
        """A connection takes no more requests."""
        if connection.is_ready:
            connection.is_ready = False
            self.ready.remove(connection)

    def sweep(self, now: float) -> None:
        """Close what has been idle too long; exclusive ones stand in the order they fell idle."""
        for connection in list(self.ready):
            if now - connection.idle_since <= self.member.idle_seconds:
                if self.places == 1:
                    break
            elif connection.is_idle:
                self.unready(connection)
                connection.close()
                continue
            connection.sweep(now)
        if self.waiting:
            self._dial_more()

    def renew(self, tls: Contexts | None, generation: int) -> None:
        """From now on dial this way; older connections close when nothing is in flight on them."""
        self.tls = tls
        self.generation = generation
        self.close_ready()

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
        while self.dialing * self.places < len(self.waiting) and self.opened < most:
            self.dialing += 1
            self.opened += 1
            spawn(self._dial(), name=f"dial {member.endpoint.addr}")

    async def _dial(self) -> None:
        member = self.member
        connection = dialled(self)
        seconds = member.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    member.host,
                    member.port,
                    ssl=self.tls.of(self.protocol) if self.tls else None,
                    server_hostname="" if self.tls else None,
                )
        except TimeoutError:
            self._dial_failed(connection, f"no connection within {seconds:g} s")
        except (OSError, ValueError) as error:
            self._dial_failed(connection, reason_of(error))
        else:
            if connection.unfit:
                self._dial_failed(connection, connection.unfit)
            else:
                self.dialled_well(connection, transport)

    def dialled_well(self, connection: Connection, transport: asyncio.BaseTransport) -> None:
        """A connection is open; one that ended meanwhile serves nobody, who waits needs another."""
        self.dialing -= 1
        self.member.reached()
        if not transport.is_closing():
            self.has_room(connection)
        self._dial_more()

    def _dial_failed(self, connection: Connection, detail: str) -> None:
        self.dialing -= 1
        if connection.opened:
            connection.abort()
        else:
            self.opened -= 1
        self.member.not_reached(monotonic(), detail)
        self._tell(self.places if self.opened else len(self.waiting), detail)
        self._dial_more()

    def _tell(self, n: int, detail: str) -> None:
        """The first of the line that nothing is opened for them."""
        for _ in range(n):
            if self.waiting:
                self.waiting.popleft().connect_failed(detail)
