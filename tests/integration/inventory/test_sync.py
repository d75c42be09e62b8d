"""What Redis says of the sidecars becomes a state that a person understands."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from meshconsole.core import redis
from meshconsole.core.errors import Degraded
from meshconsole.inventory import sync
from tests.factories import an_instance

pytestmark = pytest.mark.django_db


def _head(v: int, *, at: float | None = None, **variants: str) -> None:
    names = {name.replace("__", "/"): digest for name, digest in variants.items()}
    fields = {"v": v, "fence": 1, "variants": json.dumps(names), "at": at or time.time()}
    redis.client().hset(sync.HEAD, mapping=fields)


def _word(instance: str, *, lease: float = 60.0, **word: Any) -> None:
    redis.client().zadd(sync.LEASES, {instance: time.time() + lease})
    said = {"v": 1, "digest": "a", "state": "active", "variant": "order/unit1/stable"}
    said |= {"nack": None, "at": time.time(), "shard": "s1", "addr": "127.0.0.1:1"}
    redis.client().hset(sync.SYNC, instance, json.dumps(said | word))


def test_each_state_is_told_apart(mesh_redis: str) -> None:
    for name in ("in-step", "pending", "stale", "nacked", "offline", "silent"):
        an_instance(name)
    old = time.time() - 60
    _head(2, at=old, order__unit1__stable="b")
    _word("in-step", digest="b", v=2)
    _word("pending", digest="a", state="pushed")
    _word("stale", digest="a", state="pushed", at=old)
    refusal = {"path": "/route/order", "code": "inconsistent", "msg": "No such group.", "v": 2}
    _word("nacked", digest="a", state="nacked", nack=refusal)
    _word("offline", digest="b", lease=-1)
    states = {one.instance: one for one in sync.sync_states()}
    assert {name: one.state for name, one in states.items()} == {
        "in-step": "in step",
        "pending": "pending",
        "stale": "stale",
        "nacked": "nacked",
        "offline": "offline",
        "silent": "offline",
    }
    found = states["nacked"].nack
    assert found is not None
    assert (found.path, found.v) == ("/route/order", 2)
    assert states["in-step"].desired == "b"


def test_progress_counts_those_online(mesh_redis: str) -> None:
    _head(5, order__unit1__stable="b")
    _word("one", digest="b", v=5)
    _word("two", digest="b", v=4)
    _word("three", digest="a", v=4, state="pushed")
    _word("four", digest="a", v=4, state="nacked", nack={"path": "", "code": "", "msg": "", "v": 5})
    _word("five", digest="a", v=3, lease=-1)
    got = sync.progress(5)
    assert (got.expected, got.acked, got.nacked, got.pending, got.percent) == (4, 2, 1, 1, 50.0)
    assert sync.progress(6).acked == 0


def test_an_empty_mesh_has_no_progress(mesh_redis: str) -> None:
    got = sync.progress()
    assert (got.v, got.expected, got.percent, got.head) == (0, 0, 0.0, 0)


def test_without_redis_it_is_degraded() -> None:
    an_instance()
    with pytest.raises(Degraded):
        sync.sync_states()
    with pytest.raises(Degraded):
        sync.progress(1)
