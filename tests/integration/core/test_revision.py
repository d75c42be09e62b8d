"""The revision grows with the change that it stands for, or not at all."""

from __future__ import annotations

import pytest
import redis as driver
from django.db import transaction

from meshconsole.core import revision
from tests.harness.wait import eventually


@pytest.mark.django_db(transaction=True)
def test_a_bump_is_announced_after_commit(mesh_redis: str) -> None:
    with driver.Redis.from_url(mesh_redis, decode_responses=True) as listener:
        channel = listener.pubsub(ignore_subscribe_messages=True)
        channel.subscribe(revision.CHANNEL)
        eventually(lambda: listener.pubsub_numsub(revision.CHANNEL)[0][1])
        with transaction.atomic():
            assert revision.bump() == 1
            assert channel.get_message(timeout=0.1) is None
        heard = eventually(lambda: channel.get_message(timeout=0.2))
        assert heard["data"] == "1"
        channel.close()


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_bump_never_was() -> None:
    with transaction.atomic():
        revision.bump()
        transaction.set_rollback(True)
    assert revision.current() == 0
    assert revision.bump() == 1
    assert revision.bump() == 2
