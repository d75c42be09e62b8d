"""Pools under any order of events: nobody waits for ever, is told twice, or shares a connection."""

from __future__ import annotations

import inspect
import math
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, cast
from unittest.mock import patch

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy import pool as pool_module, replacing as replacing_module
from proxy.contract.snapshot import Endpoint, Service
from proxy.dialling import Miss
from proxy.encryption.dialling import PLAIN, PLAINLY, Wanted, Way
from proxy.errors import Unavailable
from proxy.http1.heads import Request, parse_request
from proxy.links.ledger import NOBODY, Ledger
from proxy.member import Member
from proxy.pool import Pool
from proxy.pools import Pools
from proxy.seam import Link
from proxy.settings import Limits

REQUEST = parse_request(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
MOST = 4


class Wire:
    """A transport that only says whether it is closing."""

    def __init__(self) -> None:
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing


class Turning:
    """A dialler whose answers the test turns."""

    epoch = 0
    ends_at = 0.0

    def __init__(self) -> None:
        self.now = PLAINLY

    def turn(self, wanted: Wanted) -> None:
        self.now = wanted
        self.epoch += 1

    def look(self, _now: float) -> None:
        pass

    def succeeded(self, _member: Member) -> None:
        pass

    def wanted(self, _member: Member, _now: float) -> Wanted:
        return self.now

    def context(self, _protocol: str) -> Any:
        raise AssertionError("nothing is dialled for real")

    def failed(self, _member: Member, _now: float) -> None:
        pass


WANTED = [
    PLAINLY,
    Wanted(Way("one", True, "spiffe://a"), plain_too=True),
    Wanted(Way("two", True, "spiffe://a"), plain_too=True),
    Wanted(Way("two", True, "spiffe://a"), plain_too=False),
    Wanted(PLAIN, plain_too=False, refusal="no certificate"),
]


class Connection:
    """A connection of one place, or of three, as a pool sees it."""

    endless = False
    unfit = ""
    ages_at = math.inf

    def __init__(self, pool: Pool, places: int, way: Way) -> None:
        self.pool = pool
        self.way = way
        self.encrypted = way.encrypted
        self.account = Ledger().account(NOBODY)
        self.drains_since = 0.0
        self.opened = False
        self.is_ready = False
        self.idle_since = 0.0
        self.places = places
        self.users: list[Asking] = []
        self.wire = Wire()
        self.closed_for_more = False
        self.lost = False

    @property
    def transport(self) -> Wire:
        return self.wire

    @property
    def under_way(self) -> int:
        return len(self.users)

    def drain(self) -> None:
        self.closed_for_more = True
        if self.pool.places == 1:
            self.close()

    def take(self, _now: float, _can_repeat: bool) -> FakeLink | None:
        assert not self.drains_since, "what drains gained a request"
        if self.wire.closing or self.closed_for_more:
            return None
        self.places -= 1
        assert self.places >= 0, "used by more exchanges than it has places"
        return FakeLink(self)

    @property
    def has_room(self) -> bool:
        return self.places > 0

    @property
    def is_idle(self) -> bool:
        return not self.users

    def close(self) -> None:
        self.closed_for_more = True
        if not self.users:
            self.wire.closing = True

    def abort(self) -> None:
        self.wire.closing = True

    def sweep(self, now: float) -> None:
        pass


class FakeLink:
    """One place of a connection."""

    reused = False
    full = False

    def __init__(self, connection: Connection) -> None:
        self.connection = connection


class Asking:
    """An exchange that remembers what it was told."""

    can_repeat = True

    def __init__(self, fresh: bool) -> None:
        self.fresh = fresh
        self.request: Request = REQUEST
        self.told = 0
        self.link: FakeLink | None = None

    def send(self, link: Link) -> None:
        self.told += 1
        self.link = cast("FakeLink", link)
        self.link.connection.users.append(self)

    def connect_failed(self, _detail: str) -> None:
        self.told += 1


class PoolMachine(RuleBasedStateMachine):
    """Dials, answers, ends, swaps and time, in any order."""

    @initialize(places=st.sampled_from([1, 3]))
    def begin(self, places: int) -> None:
        self.now = 100.0
        self.places = places
        self.dials: list[Connection] = []
        self.connections: list[Connection] = []
        self.asked: list[Asking] = []
        self.gone: list[Asking] = []
        self.replaced: list[tuple[Connection, Connection]] = []
        self.patch = ExitStack()
        for module in (pool_module, replacing_module):
            clock = patch.multiple(module, monotonic=lambda: self.now, spawn=self._spawn)
            self.patch.enter_context(clock)
        service = Service(name="s")
        self.member = Member(service, Endpoint(id="a", addr="h:1", group="g", unit="u"))
        self.dialler = Turning()
        limits = Limits(pool_connections=MOST, pool_pending=6, pool_requests=50)
        self.pools = Pools(limits, self.dialler)
        self.pool = self.pools.pool(self.member, "http1")
        self.pool.places = places

    def teardown(self) -> None:
        if hasattr(self, "pool"):
            try:
                self._end_well()
            finally:
                self.patch.close()

    def _end_well(self) -> None:
        """From any state, when all goes well from now on, everyone is served; then all is closed
        if the member has left."""
        self.dialler.turn(WANTED[1])
        for _ in range(200):
            self.now += 2.0
            self.pools.sweep(self.now)
            for connection in [one for one in self._open() if one.wire.closing]:
                self._lose(connection)
            for connection in self._in_use():
                self._answer(connection)
            while self.dials:
                self._dial_went_well(self.dials.pop())
            while self.replaced:
                self._replacement_ends(True)
            if not self.pool.waiting and not self._in_use() and not self.dials and self.settled:
                break
        assert not self.pool.waiting
        assert self.settled, "some connections are of another generation for ever"
        self.everyone_is_told_at_most_once()
        self.member.retire()
        for connection in [one for one in self._open() if one.wire.closing]:
            self._lose(connection)
        assert self.pool.opened == 0

    def _spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Dials end when a rule says so; the coroutine's own waiting is not what is tested."""
        given = inspect.getcoroutinelocals(cast("Any", work))
        way, old = given.get("way"), given.get("old")
        work.close()
        if old is not None:
            way = self.pool.replacing.wanted.way
            self.replaced.append((Connection(self.pool, self.places, way), old))
            return
        assert way is not None
        assert not self.pool.replacing.wanted.refusal, "dialled though it may not be"
        if self.member.unreachable:
            assert self.now >= self.member.rest_until, "dialled while it rests"
            assert not self.dials, "dialled twice at once though it was out of reach"
        self.dials.append(Connection(self.pool, self.places, way))

    # what happens

    @rule(fresh=st.booleans())
    def ask(self, fresh: bool) -> None:
        asking = Asking(fresh)
        try:
            link = self.pool.acquire(cast("Any", asking), fresh)
        except Unavailable:
            return
        self.asked.append(asking)
        if link is not None:
            asking.send(link)

    @precondition(lambda self: self.dials)
    @rule(data=st.data(), lost_at_once=st.booleans())
    def dial_goes_well(self, data: st.DataObject, lost_at_once: bool) -> None:
        self._dial_went_well(self._one_dial(data), lost_at_once)

    @precondition(lambda self: self.dials)
    @rule(data=st.data())
    def dial_fails(self, data: st.DataObject) -> None:
        connection = self._one_dial(data)
        self.pool.dial_failed(cast("Any", connection), connection.way, Miss("refused"))

    @precondition(lambda self: self.dials)
    @rule(data=st.data(), stranger=st.booleans())
    def tls_does_not_come_about(self, data: st.DataObject, stranger: bool) -> None:
        connection = self._one_dial(data)
        miss = Miss("TLS", handshake=connection.encrypted, stranger=stranger)
        self.pool.dial_failed(cast("Any", connection), connection.way, miss)

    @precondition(lambda self: self.replaced)
    @rule(well=st.booleans())
    def a_replacement_is_made_or_not(self, well: bool) -> None:
        self._replacement_ends(well)

    @precondition(lambda self: self.dials)
    @rule(data=st.data())
    def dial_is_late(self, data: st.DataObject) -> None:
        """The time is up just when the connection was made."""
        connection = self._one_dial(data)
        connection.opened = True
        self.connections.append(connection)
        self.pool.joined(cast("Any", connection))
        self.pool.dial_failed(cast("Any", connection), connection.way, Miss("late"))

    @precondition(lambda self: self._in_use())
    @rule(data=st.data())
    def answer_comes(self, data: st.DataObject) -> None:
        self._answer(data.draw(st.sampled_from(self._in_use())))

    @precondition(lambda self: self._open())
    @rule(data=st.data())
    def connection_ends(self, data: st.DataObject) -> None:
        self._lose(data.draw(st.sampled_from(self._open())))

    @precondition(lambda self: self.pool.waiting)
    @rule(data=st.data())
    def caller_leaves_the_line(self, data: st.DataObject) -> None:
        asking = data.draw(st.sampled_from(list(self.pool.waiting)))
        self.pools.forget(self.member, asking)
        self.gone.append(cast("Any", asking))

    @rule(seconds=st.sampled_from([0.01, 0.2, 2.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.pools.sweep(self.now)

    @rule(wanted=st.sampled_from(WANTED), at_once=st.booleans())
    def tls_changes(self, wanted: Wanted, at_once: bool) -> None:
        self.dialler.turn(wanted)
        if at_once:
            self.pool.replacing.look(self.now)

    @precondition(lambda self: not self.member.retired)
    @rule()
    def member_leaves(self) -> None:
        self.member.retire()

    # what holds

    @invariant()
    def counts_are_true(self) -> None:
        if not hasattr(self, "pool"):
            return
        assert self.pool.dialing == len(self.dials)
        made = len(self.dials) + len(self.replaced)
        assert self.pool.opened == made + len(self._open())
        assert len(self.replaced) <= 1, "tried on more than one connection at once"
        assert 0 <= self.pool.opened <= MOST + 1

    @invariant()
    def what_may_not_serve_is_not_ready(self) -> None:
        if hasattr(self, "pool") and not self.pool.replacing.wanted.plain_too:
            assert all(_of(one).encrypted for one in self.pool.ready)

    @invariant()
    def everyone_is_told_at_most_once(self) -> None:
        for asking in getattr(self, "asked", []):
            waits = asking in self.pool.waiting
            assert asking.told == (0 if waits or asking in self.gone else 1)

    @invariant()
    def whoever_waits_waits_for_something(self) -> None:
        """A dial, or a connection that is in use or ending, or the end of the member's rest."""
        if hasattr(self, "pool") and self.pool.waiting:
            rests = self.member.rest_until > self.now
            assert self.dials or self._open() or self.replaced or rests

    @invariant()
    def nobody_waits_beside_a_connection_with_room(self) -> None:
        """But who asked for a new one."""
        if hasattr(self, "pool") and [one for one in self.pool.ready if not _of(one).wire.closing]:
            assert all(_asking(one).fresh for one in self.pool.waiting)

    @invariant()
    def what_left_keeps_nothing_ready(self) -> None:
        if hasattr(self, "pool") and self.member.retired:
            assert all(_of(one).users for one in self.pool.ready)

    @invariant()
    def nothing_that_ended_is_ready(self) -> None:
        if hasattr(self, "pool"):
            assert not any(_of(one).lost for one in self.pool.ready)

    # hands

    @property
    def settled(self) -> bool:
        return not self.replaced and all(one.way == WANTED[1].way for one in self._open())

    def _dial_went_well(self, connection: Connection, lost_at_once: bool = False) -> None:
        connection.opened = True
        self.connections.append(connection)
        self.pool.joined(cast("Any", connection))
        if lost_at_once:
            self._lose(connection)
        self.pool.dialled_well(cast("Any", connection), connection.way)

    def _replacement_ends(self, well: bool) -> None:
        new, old = self.replaced.pop()
        if well:
            new.opened = True
            self.connections.append(new)
            self.pool.joined(cast("Any", new))
        miss = None if well else Miss("TLS", handshake=True)
        self.pool.replacing.replaced(cast("Any", old), cast("Any", new), new.way, miss)

    def _answer(self, connection: Connection) -> None:
        user = connection.users.pop()
        user.link = None
        connection.places += 1
        if connection.closed_for_more:
            connection.wire.closing = connection.wire.closing or not connection.users
        else:
            self.pool.has_room(cast("Any", connection))

    def _one_dial(self, data: st.DataObject) -> Connection:
        at = data.draw(st.integers(0, len(self.dials) - 1))
        return self.dials.pop(at)

    def _open(self) -> list[Connection]:
        return [one for one in self.connections if not one.lost]

    def _in_use(self) -> list[Connection]:
        return [one for one in self._open() if one.users and not one.wire.closing]

    def _lose(self, connection: Connection) -> None:
        connection.lost = True
        connection.wire.closing = True
        self.pool.ended(cast("Any", connection))
        for user in connection.users:
            user.link = None
        connection.users.clear()


def _of(connection: object) -> Connection:
    return cast("Connection", connection)


def _asking(asking: object) -> Asking:
    return cast("Asking", asking)


PoolMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestPools = PoolMachine.TestCase
