"""Exchanges under any order of events: counted exactly, answered once, and no POST sent twice."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy import relay
from proxy.budget import FLOOR, SHARE
from proxy.contract.snapshot import Endpoint, Service
from proxy.current import Choice, Member, Target
from proxy.errors import Refusal, resting
from proxy.failures import Unheard
from proxy.http1.heads import Request, Response, parse_request, parse_response
from proxy.links.account import End
from proxy.listener import Listener
from proxy.relay import Exchange
from proxy.settings import Limits
from proxy.steering.router import FixedRouter
from proxy.windows import Windows

RETRIES = 2
METHODS = ("GET", "HEAD", "POST", "PUT")


class Caller:
    """Whoever asked, and what was said to it."""

    account = None
    protocol = "http1"
    encrypted = False
    is_full = False

    def __init__(self, body: bytes) -> None:
        self.deadline = 0.0
        self.body = body
        self.said: list[str] = []
        self.over = 0

    def begin_body(self) -> tuple[bytes, bool, bytes]:
        body, self.body = self.body, b""
        return body, True, b""

    def interim(self, _response: Response) -> None:
        assert self.said == []

    def answer(
        self, _response: Response, _length: int, _content: bytes, done: bool, _trailers: bytes = b""
    ) -> None:
        assert self.said == []
        self.said.append("whole" if done else "begun")

    def answer_more(self, _content: bytes, done: bool, _trailers: bytes = b"") -> None:
        assert self.said == ["begun"]
        if done:
            self.said.append("whole")

    def refuse(self, _refusal: Refusal) -> None:
        assert self.said == []
        self.said.append("refused")

    def hold(self, _held: bool) -> None:
        pass

    def abort(self) -> None:
        assert self.said in ([], ["begun"])
        self.said.append("aborted")

    def exchange_over(self) -> None:
        self.over += 1


class FakeLink:
    """A place on a connection; the test says what comes of it."""

    full = False
    encrypted = False

    def __init__(self, member: Member, reused: bool) -> None:
        self.member = member
        self.reused = reused
        self.left = False

    def begin(self, exchange: Any, *_request: Any) -> None:
        exchange.sends += 1

    def more(self, *_body: Any) -> None:
        pass

    def hold(self, _held: bool) -> None:
        pass

    def leave(self, end: End = "cancelled") -> None:
        assert not self.left
        assert end in ("cancelled", "failed"), "nothing is cut here"
        self.left = True


class Watched(Exchange):
    """An exchange whose sends are counted."""

    sends = 0
    unseen = 0
    """Sends that the peer did not touch."""
    forbidden = False
    """Did an answer forbid that it is sent again?"""


class FakePools:
    """Gives a link, a place in the line, or neither."""

    tls = None

    def __init__(self) -> None:
        self.gives = "line"
        self.lines: list[tuple[Member, Watched]] = []

    def acquire(self, member: Member, asking: Watched, _protocol: str, fresh: bool) -> Any:
        assert cast("Caller", asking.caller).said == [], "tried again after the answer began"
        assert not asking.forbidden, "tried again against a mark"
        if self.gives == "nothing":
            raise resting("s", "refused")
        if self.gives == "link" and not fresh:
            return FakeLink(member, reused=True)
        self.lines.append((member, asking))
        return None

    def forget(self, member: Member, asking: Any) -> None:
        if (member, asking) in self.lines:
            self.lines.remove((member, asking))


def _response(status: int, *lines: str) -> Response:
    said = "".join(f"{line}\r\n" for line in lines)
    return parse_response(f"HTTP/1.1 {status} X\r\n{said}\r\n".encode())


def _request(method: str, body: bytes) -> Request:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return parse_request(f"{method} / HTTP/1.1\r\nHost: s\r\n{length}\r\n".encode())


class Timer:
    """Something that a loop would run later."""

    def __init__(self, run: Callable[[], None], among: list[Timer]) -> None:
        self.run = run
        self.among = among

    def cancel(self) -> None:
        self.among.remove(self)


class ExchangeMachine(RuleBasedStateMachine):
    """Several exchanges of one service at once."""

    @initialize()
    def begin(self) -> None:
        self.now = 50.0
        self.timers: list[Timer] = []
        loop = SimpleNamespace(call_later=self._call_later)
        clock = SimpleNamespace(get_running_loop=lambda: loop)
        self.patch = patch.multiple(relay, asyncio=clock, monotonic=lambda: self.now)
        self.patch.start()
        endpoints = tuple(
            Endpoint(id=name, addr=f"h:{at + 1}", group="g", unit="u")
            for at, name in enumerate("abc")
        )
        service = Service(
            name="s",
            endpoints=endpoints,
            groups=("g",),
            retries=RETRIES,
            retry_on=(503,),
            try_timeout_seconds=2.0,
            request_timeout_seconds=10.0,
        )
        members = tuple(Member(service, endpoint) for endpoint in endpoints)
        self.choice: Choice = Target(service, members, None).everyone
        self.pools = FakePools()
        self.listener = Listener(
            name="listen", side="out", routing=FixedRouter(self.choice),
            members=lambda: self.choice.members, pools=cast("Any", self.pools), windows=Windows(),
            failures=Unheard(), access_log=None, limits=Limits(),
        )  # fmt: skip
        self.all: list[Watched] = []

    def _call_later(self, _seconds: float, run: Callable[[], None]) -> Any:
        timer = Timer(run, self.timers)
        self.timers.append(timer)
        return timer

    def teardown(self) -> None:
        if not hasattr(self, "all"):
            return
        try:
            self._end()
        finally:
            self.patch.stop()

    def _end(self) -> None:
        for exchange in self._open():
            exchange.caller_left()
        self.everything_is_counted()
        budget = self.choice.target.budget
        assert (budget.active, budget.retrying) == (0, 0)
        assert self.listener.admission.in_flight == 0
        assert [member.stats.in_flight for member in self.choice.members] == [0, 0, 0]
        assert self.timers == []
        assert self.pools.lines == []

    # what happens

    @rule(gives=st.sampled_from(["line", "line", "link", "nothing"]))
    def endpoints_change(self, gives: str) -> None:
        self.pools.gives = gives

    @rule(method=st.sampled_from(METHODS), body=st.sampled_from([b"", b"hi"]))
    def a_request_comes(self, method: str, body: bytes) -> None:
        caller = Caller(body)
        made = Watched(self.listener, cast("Any", caller), _request(method, body), self.now)
        self.all.append(made)
        made.begin()

    @precondition(lambda self: self.pools.lines)
    @rule(data=st.data(), well=st.booleans())
    def a_dial_ends(self, data: st.DataObject, well: bool) -> None:
        one = data.draw(st.sampled_from(self.pools.lines))
        self.pools.lines.remove(one)
        member, exchange = one
        if well:
            exchange.send(cast("Any", FakeLink(member, reused=False)))
        else:
            exchange.connect_failed("refused")

    @precondition(lambda self: self._linked())
    @rule(
        data=st.data(),
        status=st.sampled_from([200, 404, 500, 503]),
        lines=st.sampled_from([(), ("x-mesh-no-retry: 1",), ("x-mesh-flag: UF",)]),
        done=st.booleans(),
    )
    def an_answer_comes(
        self, data: st.DataObject, status: int, lines: tuple[str, ...], done: bool
    ) -> None:
        exchange = self._drawn(data, [one for one in self._linked() if not one.status])
        if exchange is None:
            return
        response = _response(status, *lines)
        exchange.forbidden = response.no_retry
        if response.mesh_flag and done and status == 503:
            exchange.unseen += 1
        exchange.answer(response, 2, b"ok" if done else b"o", done)

    @precondition(lambda self: self._linked())
    @rule(data=st.data(), done=st.booleans())
    def more_comes(self, data: st.DataObject, done: bool) -> None:
        exchange = self._drawn(data, [one for one in self._linked() if one.status])
        if exchange is not None:
            exchange.answer_more(b"k", done)

    @precondition(lambda self: self._linked())
    @rule(data=st.data())
    def a_connection_ends(self, data: st.DataObject) -> None:
        exchange = self._drawn(data, self._linked())
        if exchange is not None:
            exchange.connection_ended()

    @precondition(lambda self: self._linked())
    @rule(data=st.data())
    def an_answer_is_broken(self, data: st.DataObject) -> None:
        exchange = self._drawn(data, self._linked())
        if exchange is not None:
            exchange.answer_broken("nonsense")

    @precondition(lambda self: self._linked())
    @rule(data=st.data())
    def a_peer_did_not_touch_it(self, data: st.DataObject) -> None:
        exchange = self._drawn(data, [one for one in self._linked() if not one.status])
        if exchange is not None:
            exchange.unseen += 1
            exchange.unprocessed("it goes away")

    @precondition(lambda self: self._open())
    @rule(data=st.data())
    def a_caller_leaves(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self._open())).caller_left()

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def a_pause_ends(self, data: st.DataObject) -> None:
        timer = data.draw(st.sampled_from(self.timers))
        self.timers.remove(timer)
        timer.run()

    @rule(seconds=st.sampled_from([0.1, 2.5, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for exchange in self._open():
            if self.now >= cast("Caller", exchange.caller).deadline and not exchange.over:
                exchange.expired()

    # what holds

    @invariant()
    def everything_is_counted(self) -> None:
        if not hasattr(self, "all"):
            return
        under_way = self._open()
        budget = self.choice.target.budget
        assert budget.active == len(under_way)
        assert budget.retrying == sum(one.is_retry for one in under_way)
        assert self.listener.admission.in_flight == sum(one.meter is not None for one in under_way)
        for member in self.choice.members:
            here = [one for one in under_way if one.member is member and one.is_open]
            assert member.stats.in_flight == len(here)
        assert len(self.timers) == sum(one.pause is not None for one in under_way)
        assert {id(one) for _, one in self.pools.lines} <= {id(one) for one in under_way}

    @invariant()
    def retries_stay_within_the_budget(self) -> None:
        if hasattr(self, "all"):
            budget = self.choice.target.budget
            most = max(FLOOR, SHARE * max(len(self.all), 1) + 1)
            assert 0 <= budget.retrying <= most

    @invariant()
    def each_caller_is_answered_once(self) -> None:
        for exchange in getattr(self, "all", []):
            caller = cast("Caller", exchange.caller)
            assert caller.over == int(exchange.over)
            ends = [one for one in caller.said if one != "begun"]
            assert len(ends) == int(exchange.over)

    @invariant()
    def nothing_is_done_twice(self) -> None:
        for exchange in getattr(self, "all", []):
            assert exchange.attempts <= RETRIES + 1
            if not exchange.can_repeat:
                assert exchange.sends - exchange.unseen <= 1

    # hands

    def _open(self) -> list[Watched]:
        return [one for one in self.all if not one.over]

    def _linked(self) -> list[Watched]:
        return [one for one in self._open() if one.link is not None]

    def _drawn(self, data: st.DataObject, among: list[Watched]) -> Watched | None:
        return data.draw(st.sampled_from(among)) if among else None


ExchangeMachine.TestCase.settings = settings(
    max_examples=120, stateful_step_count=50, deadline=None
)
TestExchanges = ExchangeMachine.TestCase
