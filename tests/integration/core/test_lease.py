"""A lease has one holder, and each new holder outdates the one before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from meshconsole.core import lease

pytestmark = pytest.mark.django_db


def test_one_holds_it_until_it_ends() -> None:
    now = timezone.now()
    first = lease.acquire("leader", "a", 10, now)
    assert first == 1
    assert lease.acquire("leader", "b", 10, now) is None
    assert lease.acquire("leader", "a", 10, now + timedelta(seconds=5)) == 1
    assert lease.acquire("leader", "b", 10, now + timedelta(seconds=14)) is None
    assert lease.acquire("leader", "b", 10, now + timedelta(seconds=16)) == 2
    assert not lease.renew("leader", "a", 1, 10, now + timedelta(seconds=16))
    assert lease.renew("leader", "b", 2, 10, now + timedelta(seconds=17))


def test_a_holder_that_was_away_too_long_comes_back_with_a_new_fence() -> None:
    now = timezone.now()
    assert lease.acquire("leader", "a", 10, now) == 1
    assert not lease.renew("leader", "a", 1, 10, now + timedelta(seconds=11))
    assert lease.acquire("leader", "a", 10, now + timedelta(seconds=11)) == 2


def test_a_released_lease_is_free_at_once() -> None:
    now = timezone.now()
    fence = lease.acquire("leader", "a", 10, now)
    assert fence is not None
    assert lease.release("leader", "a", fence, now)
    assert lease.acquire("leader", "b", 10, now) == 2
