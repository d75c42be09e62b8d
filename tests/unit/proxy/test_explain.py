"""An explanation is what traffic would meet, and asking for one changes nothing."""

from __future__ import annotations

from time import time
from typing import Any, Literal

import msgspec
import pytest

from proxy.balancer import pick
from proxy.contract.reports import Ejection, EjectionState
from proxy.contract.snapshot import (
    Balancer,
    EjectionMode,
    Endpoint,
    Route,
    Rule,
    Service,
    Share,
    Snapshot,
)
from proxy.current import Current
from proxy.errors import Refusal
from proxy.explain import CANDIDATES_SAID, Explanation, explained
from proxy.failures import Unheard
from proxy.http1.heads import HEAD_LIMIT, parse_request
from proxy.listener import Listener
from proxy.pages import member_shown
from proxy.pools import Pools
from proxy.settings import Limits
from proxy.steering.router import Router
from proxy.tracing import traced
from proxy.windows import Windows

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _current(
    *shares: tuple[str, float],
    balancer: Balancer = "round_robin",
    on_empty: Literal["fail", "origin"] = "fail",
    endpoints: int = 4,
) -> Current:
    service = Service(
        name="stock",
        endpoints=tuple(
            Endpoint(id=f"s{n}", addr=f"127.0.0.1:{n + 1}", group="ab"[n % 2], unit="u", weight=1)
            for n in range(endpoints)
        ),
        groups=("a", "b", "c"),
        interfaces=("GET /x/{y}",),
        balancer=balancer,
    )
    split = tuple(Share(group=group, percent=percent) for group, percent in shares)
    first = Rule(id="first", split=split, on_empty=on_empty)
    rules = (first, Rule(id="second", split=split)) if shares else ()
    route = {"stock": Route(name="stock", version=1, rules=rules)} if shares else {}
    current = Current()
    current.swap(Snapshot(service={"stock": service}, route=route), 7)
    return current


def _listener(current: Current) -> Listener:
    return Listener(
        name="outbound",
        side="out",
        routing=Router(current),
        members=lambda: current.table.members.values(),
        pools=Pools(Limits()),
        windows=Windows(),
        failures=Unheard(),
        access_log=None,
        limits=Limits(),
    )


def _asked(listener: Listener, *lines: str, first: str = "GET /x/1 HTTP/1.1") -> Explanation:
    return explained([listener], "", "\n".join([first, *lines]).encode(), 7)


def _state(listener: Listener, current: Current) -> dict[str, Any]:
    target = current.table.targets["stock"]
    router = listener.routing
    assert isinstance(router, Router)
    return {
        "members": [member_shown(member) for member in listener.members()],
        "turns": [choice.turn for choice in target.every_choice()],
        "budget": (target.budget.active, target.budget.retrying, target.budget.refused),
        "meters": set(listener.admission.meters()),
        "in_flight": listener.admission.in_flight,
        "refusals": dict(listener.refusals),
        "hosts": set(router._plans),
        "windows": listener.windows.totals(),
    }


@pytest.mark.parametrize("balancer", ["round_robin", "ring_hash", "maglev"])
def test_what_is_explained_is_what_traffic_meets_next(balancer: Balancer) -> None:
    current = _current(("a", 30), ("b", 70), balancer=balancer)
    listener = _listener(current)
    groups = set()
    for n in range(60):
        lines = ["host: stock", f"x-mesh-sticky: user-{n}", f"traceparent: {TRACE}"]
        answer = _asked(listener, *lines)
        request = parse_request("\r\n".join(["GET /x/1 HTTP/1.1", *lines, "", ""]).encode())
        trace_id = traced(request)
        choice = listener.routing.choose(request, trace_id)
        member = pick(choice, (), request, trace_id)
        assert member is not None
        assert answer.reasons is not None
        assert (answer.reasons.group, answer.would_pick) == (choice.group, member.endpoint.id)
        groups.add(choice.group)
    assert groups == {"a", "b"}


@pytest.mark.parametrize("balancer", ["round_robin", "least_request", "ring_hash"])
def test_asking_changes_nothing(balancer: Balancer) -> None:
    current = _current(("a", 30), ("b", 70), balancer=balancer)
    listener = _listener(current)
    before = _state(listener, current)
    for n in range(20):
        _asked(listener, "host: stock", f"x-mesh-sticky: {n}")
        _asked(listener, f"host: stranger-{n}")
        _asked(listener, "host: stock", first="GET /x/1 HTTP/9")
    assert _state(listener, current) == before


def test_rules_shares_and_buckets_are_told() -> None:
    answer = _asked(_listener(_current(("b", 70), ("a", 30))), "host: stock", "x-mesh-sticky: me")
    reasons = answer.reasons
    assert reasons is not None
    assert reasons.bucket is not None
    assert [(rule.rule, rule.matched) for rule in reasons.rules] == [
        ("first", True),
        ("second", False),
    ]
    assert (reasons.key_from, reasons.key) == ("x-mesh-sticky", "me")
    assert [(p.group, p.first_bucket, p.last_bucket) for p in reasons.portions] == [
        ("a", 0, 2999),
        ("b", 3000, 9999),
    ]
    (chosen,) = (portion for portion in reasons.portions if portion.chosen)
    assert chosen.first_bucket <= reasons.bucket <= chosen.last_bucket
    assert chosen.group == reasons.group
    assert answer.interface == "GET /x/{y}"
    assert {candidate.group for candidate in answer.candidates} == {reasons.group}


def test_a_key_that_is_made_up_for_each_request_is_said_to_be() -> None:
    listener = _listener(_current(("a", 50), ("b", 50)))
    told = _asked(listener, "host: stock", f"traceparent: {TRACE}").reasons
    assert told is not None
    assert told.key_from == "traceparent"
    assert "another" not in told.why
    made_up = _asked(listener, "host: stock").reasons
    assert made_up is not None
    assert "each request draws another" in made_up.why


@pytest.mark.parametrize(
    ("first", "lines", "status", "flag", "says"),
    [
        ("GET /x HTTP/1.1", ("host: pay",), 404, "NR", "called 'pay'"),
        ("GET /x HTTP/1.1", (), 400, "DPE", "There is no Host"),
        ("GET /x HTTP/1.1", ("host: a", "host: b"), 400, "DPE", "More than one Host"),
        ("GET /x HTTP/1.1", ("host : a",), 400, "DPE", "malformed"),
        ("GET /x HTTP/2.0", ("host: a",), 505, "DPE", "HTTP/1.1"),
        ("GET /x HTTP/1.1", ("x: " + "a" * HEAD_LIMIT,), 431, "DPE", "longer than"),
    ],
)
def test_a_head_that_would_be_refused_says_how(
    first: str, lines: tuple[str, ...], status: int, flag: str, says: str
) -> None:
    refused = _asked(_listener(_current()), *lines, first=first).refused
    assert refused is not None
    assert (refused.status, refused.flag) == (status, flag)
    assert says in refused.sentence


def test_bytes_with_a_carriage_return_are_judged_as_they_are() -> None:
    listener = _listener(_current())
    whole = explained([listener], "outbound", b"GET / HTTP/1.1\r\nhost: stock\r\n\r\n", 7)
    assert whole.refused is None
    bare = explained([listener], "outbound", b"GET / HTTP/1.1\r\nhost: stock\n\n", 7)
    assert bare.refused is not None
    assert bare.refused.status == 400


def test_an_empty_group_is_told_with_and_without_a_way_out() -> None:
    empty = _asked(_listener(_current(("c", 100))), "host: stock")
    assert empty.refused is not None
    assert empty.refused.flag == "UH"
    saved = _asked(_listener(_current(("c", 100), on_empty="origin")), "host: stock")
    assert saved.reasons is not None
    assert "any endpoint may" in saved.reasons.why
    assert saved.would_pick is not None


def test_why_an_endpoint_gets_nothing_is_told() -> None:
    current = _current()
    listener = _listener(current)
    one, *_ = current.table.members.values()
    one.not_reached(1e12, "Connection refused")
    answer = _asked(listener, "host: stock")
    assert "Connection refused" in answer.candidates[0].why
    assert answer.candidates[1].why == "It has its share."
    many = _asked(_listener(_current(endpoints=CANDIDATES_SAID + 5)), "host: stock")
    assert (len(many.candidates), many.candidates_left_out) == (CANDIDATES_SAID, 5)


@pytest.mark.parametrize(
    ("mode", "state", "steps", "words"),
    [
        ("eject", "ejected", 0, "It is ejected for 30 s more, time 2 in a row: error_rate."),
        ("report", "ejected", 20, "error_rate. Nothing is done about it but tell."),
        ("weight", "ejected", 1, "error_rate. A small share is left."),
        ("eject", "probing", 0, "probed by one request at a time: error_rate."),
        ("eject", "returning", 2, "gets its share bit by bit: error_rate."),
    ],
)
def test_an_endpoint_that_is_ejected_says_for_how_long_and_why(
    mode: EjectionMode, state: EjectionState, steps: int, words: str
) -> None:
    current = _current()
    one, *others = current.table.members.values()
    one.steps = steps
    one.ejection = Ejection(
        id="e", service="stock", instance="s0", address="h:1", unit="u", rule="error_rate",
        times=2, since=time(), until=time() + 30.4, mode=mode, state=state,
    )  # fmt: skip
    current.table.reshare("stock", 0.0)
    answer = _asked(_listener(current), "host: stock")
    assert words in answer.candidates[0].why
    assert answer.candidates[0].share == steps * (1 if steps < 20 else 0.05)
    for other in others:
        other.steps, other.ejection = 0, one.ejection
    if not steps:
        current.table.reshare("stock", 0.0)
        answer = _asked(_listener(current), "host: stock")
        assert "Everybody here is, so that is ignored." in answer.candidates[0].why
        assert answer.would_pick is not None


def test_what_is_sent_on_is_shown_without_credentials() -> None:
    answer = _asked(
        _listener(_current()), "host: stock", "Authorization: Bearer abc", "x: 1", "te: trailers"
    )
    assert answer.read is not None
    assert "Authorization: (left out)" in answer.read.sent_on
    assert "x: 1" in answer.read.sent_on
    assert not any(line.startswith("te:") for line in answer.read.sent_on)
    assert b"Bearer" not in msgspec.json.encode(answer)


def test_a_listener_that_is_not_there_is_said() -> None:
    with pytest.raises(Refusal, match="name one of outbound"):
        explained([_listener(_current())], "inbound", b"GET / HTTP/1.1\n", 7)
