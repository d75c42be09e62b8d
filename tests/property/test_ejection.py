"""Whatever happens in whatever order: caps hold, and nobody goes silently or returns early."""

from __future__ import annotations

from math import ceil, floor

import msgspec
from hypothesis import given, settings, strategies as st

from proxy.choice import Target
from proxy.contract.reports import Ejection
from proxy.contract.snapshot import Balancer, Endpoint, HealingMode, HealingTerms, Service
from proxy.healing.bounds import most_out, seconds_out
from proxy.healing.judgement import wilson
from proxy.http1.heads import parse_request
from proxy.member import Member
from tests.unit.proxy.healing.plays import START, T0, Play

NAMES = [f"{app}:x{at}" for app in ("stock", "cash") for at in range(1, 7)]
MODES: tuple[HealingMode, ...] = ("off", "report", "weight", "eject")
EVENTS = st.one_of(
    st.tuples(st.just("answer"), st.sampled_from(NAMES), st.integers(1, 60)),
    st.tuples(st.just("connect"), st.sampled_from(NAMES), st.integers(1, 40)),
    st.tuples(st.just("timeout"), st.sampled_from(NAMES), st.integers(1, 40)),
    st.tuples(st.just("5xx"), st.sampled_from(NAMES), st.integers(1, 60)),
    st.tuples(st.just("tick"), st.just(""), st.sampled_from([1, 1, 1, 5, 31])),
    st.tuples(st.just("leave"), st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("join"), st.sampled_from(NAMES), st.sampled_from([0, 100, 100])),
    st.tuples(st.just("mode"), st.sampled_from(["stock", "cash"]), st.integers(0, 3)),
)
OF_OPERATORS = {"leave", "join", "mode"}
"""Events after which an ejection may end at once."""


def happen(play: Play, event: tuple[str, str, int]) -> None:
    what, name, n = event
    match what:
        case "tick":
            play.now += n - 1
            play.judge.poll(play.now)
            play.now += 1
            play.judge.tick(play.now)
        case "leave":
            play.stats.pop(name, None)
            play.follow()
        case "join":
            if name not in play.stats:
                play.join(name, n)
                play.follow()
        case "mode":
            play.terms[name] = msgspec.structs.replace(play.terms[name], mode=MODES[n])
            play.follow()
        case "answer":
            if name in play.stats:
                play.answer(name, n)
        case "connect" | "timeout" | "5xx":
            if name in play.stats:
                play.fail(name, n, what)


def caps_hold(play: Play, app: str) -> None:
    """Also in the mode that only reports: what it says would be done must be allowed."""
    n = sum(one.service == app and one.endpoint.weight > 0 for one in play.stats.values())
    out = [said for said in play.all_ejections if said.service == app and _is_out(said)]
    assert len(out) <= max(1, floor(0.34 * n))
    assert not out or n - len(out) >= ceil(0.5 * n)


def _is_out(said: Ejection) -> bool:
    return said.state != "returning"


@settings(deadline=None, max_examples=300)
@given(st.lists(EVENTS, max_size=120))
def test_every_order_of_events_keeps_the_invariants(events: list[tuple[str, str, int]]) -> None:
    play = Play(0, *NAMES)
    told: set[tuple[str, int]] = set()
    before: dict[str, Ejection] = {}
    for event in events:
        happen(play, event)
        for report in play.take():
            if report.ejection is not None and report.phase == "failing":
                told.add((report.ejection.id, report.ejection.times))
        after = {said.id: said for said in play.all_ejections}
        for app in ("stock", "cash"):
            caps_hold(play, app)
        for said in after.values():
            assert (said.id, said.times) in told, "ejected without a report"
        for id, said in before.items():
            if id in after and after[id].state != "ejected" and said.state == "ejected":
                assert T0 + play.now - START >= said.until - 0.01, "returned before its time"
            if id not in after and event[0] not in OF_OPERATORS:
                assert said.state in ("probing", "returning"), "ended without a probe"
        if event[0] in ("answer", "connect", "timeout", "5xx"):
            app = event[1].partition(":")[0]
            assert [one for one in after.values() if one.service != app] == [
                one for one in before.values() if one.service != app
            ], "touched another service"
        before = after


@given(st.integers(0, 200), st.floats(0, 0.5), st.floats(0.5, 1))
def test_at_least_half_and_never_the_only_one_stays(n: int, out: float, left: float) -> None:
    most = most_out(n, HealingTerms(name="s", max_out_share=out, min_left_share=left))
    assert most <= max(1, floor(out * n))
    assert n - most >= ceil(left * n) or most == 0
    assert n > 1 or most == 0


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(1, 300))
def test_an_ejection_takes_at_most_its_limit_and_a_fifth(
    times: int, draw: float, base: float
) -> None:
    seconds = seconds_out(times, HealingTerms(name="s", base_seconds=base), draw)
    assert 0.8 * base - 1e-9 <= seconds <= 300.0 * 1.2 + 1e-9


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_bound_is_below_the_rate_and_grows_with_errors(errors: int, more: int) -> None:
    n = errors + more
    assert 0.0 <= wilson(errors, n) <= (errors / n if n else 0.0)
    if errors < n:
        assert wilson(errors, n) <= wilson(errors + 1, n)


def a_target(balancer: Balancer, n: int) -> Target:
    service = Service(
        name="stock",
        balancer=balancer,
        hash_on="header:x-key",
        endpoints=tuple(
            Endpoint(id=f"s{at}", addr=f"10.0.0.{at}:80", group="g", unit="u")
            for at in range(1, n + 1)
        ),
        groups=("g",),
    )
    return Target(service, tuple(Member(service, one) for one in service.endpoints), None)


def places(target: Target) -> dict[int, str]:
    """Who serves each of 300 keys."""
    from proxy.balancer import pick

    found = {}
    for key in range(300):
        request = parse_request(b"GET / HTTP/1.1\r\nhost: stock\r\nx-key: %d\r\n\r\n" % key)
        member = pick(target.everyone, (), request, b"t")
        assert member is not None
        found[key] = member.endpoint.id
    return found


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["ring_hash", "maglev"]),
    st.integers(2, 9),
    st.integers(0, 8),
    st.lists(st.integers(0, 20), min_size=1, max_size=4),
)
def test_only_keys_of_an_ejected_endpoint_move_and_they_come_back(
    balancer: Balancer, n: int, which: int, steps: list[int]
) -> None:
    target = a_target(balancer, n)
    before = after = places(target)
    member = target.everyone.members[which % n]
    for share in [*steps, 20]:
        member.steps = share
        target.everyone.arrange(0.0)
        after = places(target)
        moved = {key for key in before if before[key] != after[key]}
        assert {before[key] for key in moved} <= {member.endpoint.id}
        if share == 0:
            assert member.endpoint.id not in after.values()
    assert after == before


@given(st.integers(1, 6), st.sampled_from(["round_robin", "least_request", "ring_hash", "maglev"]))
@settings(deadline=None)
def test_when_all_are_out_nobody_is(n: int, balancer: Balancer) -> None:
    target = a_target(balancer, n)
    for member in target.everyone.members:
        member.steps = 0
    target.everyone.arrange(0.0)
    assert target.everyone.is_panicking
    assert set(places(target).values()) <= {one.endpoint.id for one in target.everyone.members}
