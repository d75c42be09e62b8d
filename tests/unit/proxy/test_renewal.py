"""Renewal begins half way, tries again in time, and takes only the answer it asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from proxy.encryption.identity import Identity, InvalidCertificate, KeyRequest
from proxy.renewal import Renewal
from tests.harness.authority import TRUST_DOMAIN, MeshRoot

ROOT = MeshRoot()
URI = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-1"


def identity() -> Identity:
    request = KeyRequest("order-1")
    return request.fulfilled(
        ROOT.cert(request.csr, URI), unit="unit1", app="order", now=datetime.now(UTC)
    )


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
