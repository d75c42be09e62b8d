"""A pool's generations: how it dials now, and how connections that are not so any more end.

The thin shell of `proxy.encryption.dialling` and `proxy.encryption.elimination`. What is wanted is
tried on one connection first; until that has gone well, requests use what was there before, as far
as the endpoint lets them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from random import Random
from time import monotonic, time
from typing import TYPE_CHECKING

from proxy.aio import spawn
from proxy.dialling import Dialler, Miss, connected, dialled
from proxy.encryption.dialling import PLAIN, Way
from proxy.encryption.elimination import Pace, age_of, next_to_go, verdict

if TYPE_CHECKING:
    from proxy.links.account import Account
    from proxy.links.ledger import Ledger
    from proxy.member import Member, Replacing as Replaced
    from proxy.pool import Pool
    from proxy.seam import Connection

PROBE_SECONDS = 5.0
"""Between a handshake that failed and the next, where plaintext serves meanwhile."""
COLD_SECONDS = 1.0
"""A connection idle for so long is closed without another in its place."""
LOOK_SECONDS = 1.0
_random = Random()  # noqa: S311 - spreads load, guards nothing


class Replacing:
    """What one pool wants, what it knows to work, and which of its connections are on their way
    out."""

    __slots__ = (
        "_draining", "_ledger", "_pool", "_probe_at", "_replacing", "_trying", "dialler", "mixed",
        "proven", "wanted",
    )  # fmt: skip

    def __init__(self, pool: Pool, dialler: Dialler, ledger: Ledger) -> None:
        self._pool = pool
        self._ledger = ledger
        self.dialler = dialler
        self.wanted = dialler.wanted(pool.member, monotonic())
        self.proven: Way | None = None
        """The way that went well last."""
        self.mixed = False
        """May there be connections of another generation?"""
        self._trying = False
        """Is what is wanted, and not known to work, being tried for who waits?"""
        self._replacing = False
        """Is a connection being made in another's place?"""
        self._probe_at = 0.0
        self._draining: list[Connection] = []

    def look(self, now: float) -> None:
        """See what is wanted now; what may not serve any more takes nothing new from here on."""
        before, pool = self.wanted, self._pool
        self.wanted = self.dialler.wanted(pool.member, now)
        if self.wanted == before:
            return
        self.mixed = True
        if self.wanted.way != before.way:
            self._probe_at = 0.0
        if not self.wanted.plain_too:
            for connection in [one for one in pool.connections if not one.encrypted]:
                self.drain(connection, now)

    def serves(self, connection: Connection) -> bool:
        """May it take requests, whatever its generation?"""
        return connection.encrypted or self.wanted.plain_too

    def way(self, now: float) -> Way:
        """How to dial for who waits now."""
        wanted = self.wanted
        if self.proven is None or not self.proven.encrypted:
            untried = wanted.way.encrypted and wanted.plain_too and self.proven is not None
            if untried and (self._trying or self._replacing or now < self._probe_at):
                return PLAIN
            self._trying = self._trying or untried
        return wanted.way

    async def connected(self, make: Callable[[], asyncio.BaseProtocol], way: Way) -> Miss | None:
        """Have a connection made in this way."""
        pool = self._pool
        proven = self.proven == way or not way.peer
        return await connected(make, pool.member, way, self.dialler, pool.protocol, proven)

    def went_well(self, way: Way) -> None:
        """A connection was made."""
        if way == self.wanted.way:
            self._trying = False
        self.proven = way
        if way.encrypted:
            self.dialler.succeeded(self._pool.member)

    def failed(self, way: Way, miss: Miss, now: float) -> bool:
        """TLS did not come about; may who waits be dialled for in plaintext?"""
        pool = self._pool
        self.account_of(way).handshakes_failed += 1
        self._trying = False
        self._probe_at = now + PROBE_SECONDS
        if miss.stranger:
            self.proven = None
            return False
        self.dialler.failed(pool.member, now)
        self.look(now)
        if not self.wanted.plain_too:
            return False
        self.proven = PLAIN
        return True

    def not_reached(self, way: Way) -> None:
        """Nobody was there: that says nothing of how to dial."""
        if way == self.wanted.way:
            self._trying = False

    def age(self, encrypted: bool) -> float:
        """Until when a connection that is made now may be used; on the monotonic clock."""
        ends_at = self.dialler.ends_at
        if not encrypted or not ends_at:
            return inf
        return monotonic() + age_of(ends_at - time(), _random)

    def account_of(self, way: Way) -> Account:
        """Where connections of this way are counted."""
        member, endpoint = self._pool.member, self._pool.member.endpoint
        return self._ledger.endpoint(
            member.stats.service,
            endpoint.unit,
            endpoint.id if endpoint.group else "",  # of strangers nobody knows more than that
            self._pool.protocol,
            way.generation,
            way.encrypted,
        )

    # how connections end

    def stale(self, now: float) -> list[Connection]:
        """Those that are to be replaced; remembers whether there are any."""
        way = self.wanted.way
        found = [
            one
            for one in self._pool.connections
            if not one.drains_since and (one.way != way or now >= one.ages_at)
        ]
        self.mixed = bool(found)
        return [] if self.wanted.refusal else found

    def is_due(self, now: float) -> bool:
        """Is there a connection to replace, while nothing is being tried?"""
        if not self.stale(now) or self._trying or self._replacing or now < self._probe_at:
            return False
        return self._pool.opened <= self._pool.limits.pool_connections

    def replace(self, now: float) -> None:
        """Have a connection leave; if it was in use of late, another takes its place first."""
        pool, old = self._pool, next_to_go(self.stale(now))
        if old is None:
            return
        cold = pool.places == 1 and old.is_ready and now - old.idle_since > COLD_SECONDS
        if cold and self.proven == self.wanted.way:
            self.drain(old, now)
            return
        self._replacing = True
        pool.opened += 1
        spawn(self._replace(old), name=f"dial {pool.member.endpoint.addr} anew")

    async def _replace(self, old: Connection) -> None:
        pool, way = self._pool, self.wanted.way
        new = dialled(pool, way)
        miss = await self.connected(lambda: new, way)
        if miss is None and new.unfit:
            miss = Miss(new.unfit)
        self.replaced(old, new, way, miss)

    def replaced(self, old: Connection, new: Connection, way: Way, miss: Miss | None) -> None:
        """Another connection was made, or not: the old one leaves, or goes on serving."""
        pool = self._pool
        self._replacing = False
        now = monotonic()
        if miss is None:
            self.went_well(way)
            if old in pool.connections:
                self.drain(old, now)
            if not new.transport.is_closing():
                pool.has_room(new)
            pool.wake("it closed the connection at once")
            return
        if new.opened:
            new.abort()
        else:
            pool.opened -= 1
        self._probe_at = now + PROBE_SECONDS
        if miss.handshake:
            self.failed(way, miss, now)
        pool.wake(miss.why)

    def drain(self, connection: Connection, now: float) -> None:
        """It takes nothing new, and ends when nothing is in flight on it."""
        if not connection.drains_since:
            connection.drains_since = now
            self._pool.unready(connection)
            self._draining.append(connection)
            connection.drain()

    def sweep(self, now: float) -> None:
        """End those that drain, as it becomes time."""
        for connection in list(self._draining):
            if connection not in self._pool.connections:
                self._draining.remove(connection)
                continue
            fate = verdict(
                now=now,
                drains_since=connection.drains_since,
                idle_since=connection.idle_since,
                under_way=connection.under_way,
                endless=connection.endless,
            )
            if fate == "close":
                connection.close()
            elif fate == "cut":
                connection.abort()


class Upstreams:
    """Sweeps pools, and spreads what is to be replaced over time, for each application."""

    def __init__(self, dialler: Dialler) -> None:
        self.dialler = dialler
        self._epoch = dialler.epoch
        self._look_at = 0.0
        self._paces: dict[str, Pace] = {}

    def sweep(self, members: Iterable[Member], now: float) -> None:
        """Called a few times a second."""
        members = list(members)
        aged = now >= self._look_at
        if aged:
            self._look_at = now + LOOK_SECONDS
            self.dialler.look(now)
        anew, self._epoch = self._epoch != self.dialler.epoch, self.dialler.epoch
        for member in members:
            for pool in list(member.pools.values()):
                pool.sweep(now, anew)
                one = pool.replacing
                if one is not None and (aged or one.mixed) and one.is_due(now):
                    self._replace(one, member.stats.service, members, now)

    def _replace(self, one: Replaced, name: str, members: list[Member], now: float) -> None:
        """Replace a connection if it is time for another of this application."""
        opened = sum(member.opened for member in members if member.stats.service == name)
        if self._paces.setdefault(name, Pace()).may(now, opened):
            one.replace(now)
