"""Renewal begins half way, tries again in time, and takes only the answer it asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from proxy.encryption.identity import Identity, InvalidCertificate, KeyRequest
from proxy.renewal import EARLY_SECONDS, Early, Renewal
from tests.harness.authority import TRUST_DOMAIN, MeshRoot

ROOT = MeshRoot()
URI = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-1"


def identity() -> Identity:
    request = KeyRequest("order-1")
    return request.fulfilled(
        ROOT.cert(request.csr, URI), unit="unit1", app="order", now=datetime.now(UTC)
    )


WHO = identity()


def test_it_is_due_at_half_of_the_life_give_or_take_a_tenth() -> None:
    who = identity()
    life = who.ends_at - who.begins_at
    shares = [(who.renew_at(Random(seed)) - who.begins_at) / life for seed in range(200)]
    assert 0.40 <= min(shares) < 0.42
    assert 0.58 < max(shares) <= 0.60


def test_before_it_is_due_nothing_is_asked_and_after_it_until_answered() -> None:
    renewal = Renewal(identity(), Random(1))
    now = datetime.now(UTC)
    assert renewal.due(now) is None
    assert renewal.seconds_to_next(now) == 60.0
    later = now + timedelta(hours=15)
    first = renewal.due(later)
    assert first is not None
    assert renewal.due(later) is None
    assert renewal.seconds_to_next(later) == 30.0
    again = renewal.due(later + timedelta(seconds=31))
    assert again is not None
    assert again.id != first.id
    assert again.pem != first.pem


def test_only_the_answer_to_the_last_request_counts() -> None:
    renewal = Renewal(identity(), Random(1))
    later = datetime.now(UTC) + timedelta(hours=15)
    first = renewal.due(later)
    second = renewal.due(later + timedelta(seconds=31))
    assert first is not None
    assert second is not None
    now = datetime.now(UTC)
    assert renewal.received(ROOT.cert(first.pem, URI, id=first.id), now) is None
    fresh = renewal.received(ROOT.cert(second.pem, URI, id=second.id), now)
    assert fresh is not None
    assert fresh.who.uri == URI
    assert renewal.received(ROOT.cert(second.pem, URI, id=second.id), now) is None


def test_a_certificate_for_another_key_is_refused() -> None:
    renewal = Renewal(identity(), Random(1))
    request = renewal.due(datetime.now(UTC) + timedelta(hours=15))
    assert request is not None
    other = KeyRequest("order-1")
    with pytest.raises(InvalidCertificate, match="another key"):
        renewal.received(ROOT.cert(other.csr, URI, id=request.id), datetime.now(UTC))


def test_a_leaf_of_another_issuer_than_the_mesh_signs_with_is_renewed_in_a_moment() -> None:
    now = datetime.now(UTC)
    who = identity()
    for seed in range(50):
        renewal = Renewal(who, Random(seed))
        renewal.follow(who.issuer, 3, now)
        renewal.follow("", 3, now)
        assert renewal.seconds_to_next(now) == 60.0, "what it has will do"
        renewal.follow("ab" * 20, 3, now)
        assert renewal.seconds_to_next(now) <= EARLY_SECONDS
        assert renewal.due(now + timedelta(seconds=EARLY_SECONDS)) is not None


def test_many_endpoints_ask_over_a_longer_time() -> None:
    now = datetime.now(UTC)
    pauses = []
    for seed in range(200):
        renewal = Renewal(WHO, Random(seed))
        renewal.follow("ab" * 20, 1500, now)
        pauses.append(renewal.seconds_to_next(now))
    assert max(pauses) > 25
    assert max(pauses) <= 30
    assert min(pauses) < 5


def test_a_console_that_goes_on_with_the_old_root_is_asked_ever_less_often() -> None:
    now, early, asked = datetime.now(UTC), Early(), 0
    for _ in range(3600):  # a stream each second, each with a leaf of the old root again
        renewal = Renewal(WHO, Random(1), early)
        renewal.follow("ab" * 20, 3, now)
        asked += renewal.due(now + timedelta(seconds=EARLY_SECONDS)) is not None
        now += timedelta(seconds=1)
    assert 4 <= asked <= 8


def test_in_a_hurry_it_is_due_at_once_and_waits_for_its_answer_as_ever() -> None:
    renewal = Renewal(identity(), Random(1))
    now = datetime.now(UTC)
    renewal.hurry(now)
    assert renewal.seconds_to_next(now) <= 0.05
    assert renewal.due(now) is not None
    assert renewal.due(now) is None
