"""How an endpoint is dialled follows from what it says and what this side can prove."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, strategies as st

from proxy.contract.snapshot import Offer
from proxy.encryption.dialling import (
    FAILURES,
    FAILURES_SECONDS,
    PLAIN,
    PLAIN_SECONDS,
    PLAINLY,
    Own,
    Trials,
    Wanted,
    Way,
    wanted,
    wrong_peer,
)

OWN = Own(domain="mesh.test", trust="t1", serial="s1", ends_at=1e9)
NOBODY = Own(why_not="The certificate ended.")
PEER = "spiffe://mesh.test/unit/unit2/app/stock/instance/stock-1"


def asked(offer: Offer, own: Own = OWN, *, fell_back: bool = False) -> Wanted:
    return wanted(offer, "unit2", "stock", "stock-1", own, fell_back)


def test_an_endpoint_that_offers_nothing_is_dialled_in_plaintext() -> None:
    assert asked("off") == PLAINLY
    assert asked("off", NOBODY) == PLAINLY


def test_an_offer_is_taken_by_who_can_and_plaintext_may_serve_meanwhile() -> None:
    found = asked("offered")
    assert (found.way.encrypted, found.way.peer, found.plain_too) == (True, PEER, True)
    assert asked("offered", NOBODY) == PLAINLY
    assert asked("offered", fell_back=True) == PLAINLY


@pytest.mark.parametrize("fell_back", [True, False])
def test_what_is_required_never_becomes_plaintext(fell_back: bool) -> None:
    found = asked("required", fell_back=fell_back)
    assert found.way.encrypted
    assert not found.plain_too
    refused = asked("required", NOBODY, fell_back=fell_back)
    assert not refused.plain_too
    assert "takes TLS only" in refused.refusal
    assert "The certificate ended." in refused.refusal


def test_a_generation_is_another_when_peer_trust_or_certificate_are_and_only_then() -> None:
    first = asked("offered").way
    assert asked("required").way == first, "an open connection is as good when TLS is required"
    assert asked("offered", msgspec.structs.replace(OWN, ends_at=2e9)).way == first
    others = [
        asked("offered", msgspec.structs.replace(OWN, serial="s2")).way,
        asked("offered", msgspec.structs.replace(OWN, trust="t2")).way,
        wanted("offered", "unit2", "stock", "stock-2", OWN, False).way,
    ]
    assert len({first.generation, *(way.generation for way in others)}) == 4


def test_only_the_peer_that_was_dialled_is_right() -> None:
    way = asked("offered").way
    assert wrong_peer(way, [PEER]) == ""
    other = PEER.replace("stock-1", "stock-2")
    assert "stock-2" in wrong_peer(way, [other])
    assert wrong_peer(way, [])
    assert "2 names" in wrong_peer(way, [PEER, other])
    assert wrong_peer(Way("files", True), ["anything"]) == ""


def test_three_failures_in_half_a_minute_send_an_edge_back_for_a_minute() -> None:
    trials = Trials()
    assert not trials.failed(0.0)
    assert not trials.failed(1.0)
    assert trials.failed(2.0)
    assert trials.plain_until == 2.0 + PLAIN_SECONDS
    assert not trials.failed(3.0), "it is back already"


def test_failures_far_apart_or_with_a_success_between_are_none() -> None:
    trials = Trials()
    assert not any(trials.failed(at * FAILURES_SECONDS) for at in range(10))
    trials = Trials()
    for at in range(10):
        assert not trials.failed(float(at))
        trials.succeeded()


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=60))
def test_an_edge_never_falls_back_before_three_failures_within_the_time(
    events: list[tuple[float, bool]],
) -> None:
    trials, now, failures = Trials(), 100.0, list[float]()
    for pause, good in events:
        now += pause
        if good:
            trials.succeeded()
            failures.clear()
        elif now >= trials.plain_until:
            failures.append(now)
            fell = trials.failed(now)
            recent = [at for at in failures[-FAILURES:] if now - at <= FAILURES_SECONDS]
            assert fell == (len(recent) == FAILURES)
            if fell:
                failures.clear()


@given(
    st.sampled_from(["off", "offered", "required"]),
    st.builds(Own, why_not=st.sampled_from(["", "ended"]), serial=st.text(max_size=3)),
    st.booleans(),
)
def test_plaintext_is_dialled_only_where_plaintext_may_serve(
    offer: Offer, own: Own, fell_back: bool
) -> None:
    found = asked(offer, own, fell_back=fell_back)
    if found.way == PLAIN:
        assert found.plain_too or found.refusal
    assert found.plain_too == (offer != "required")
