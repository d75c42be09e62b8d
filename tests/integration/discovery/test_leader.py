"""One compiler: fenced, level-triggered, and careful with what it takes away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meshconsole.audit.models import AuditEntry
from meshconsole.core import lease, redis, revision
from meshconsole.discovery import keys, selectors
from meshconsole.discovery.heads import Head
from meshconsole.discovery.leader import LEASE_NAME, Leader
from meshconsole.discovery.publish import publish
from meshconsole.inventory.models import Instance
from meshconsole.steering.models import Route
from proxy.aio import cancelled, spawn
from tests.factories import an_application, an_instance
from tests.harness.discovery import told
from tests.harness.wait import eventually_async

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def store(mesh_redis: str) -> AsyncIterator[Any]:
    """The asynchronous client that the daemon uses."""
    yield redis.async_client(text=False)
    await redis.async_close()


async def turned(leader: Leader) -> None:
    """Let a leader take one turn."""
    await leader._turn()


def a_leader(store: Any, name: str = "first") -> Leader:
    return Leader(name, store, Counter())


async def head() -> Head:
    return await told(selectors.compilation)


def a_route(group: str) -> None:
    Route.objects.update_or_create(
        application=an_application(),
        defaults={"version": 1, "split": {group: 100}, "updated_at": datetime.now(UTC)},
    )
    revision.bump()


async def test_a_committed_revision_is_published_once(store: Any) -> None:
    await told(lambda: (an_instance(), revision.bump()))
    leader = a_leader(store)
    await turned(leader)
    first = await head()
    assert list(first.variants) == ["order/unit1/stable"]
    (digest,) = first.variants.values()
    assert await store.exists(keys.snapshot_key(digest))
    await turned(leader)
    assert await head() == first


async def test_a_hint_that_was_lost_costs_a_second(store: Any) -> None:
    leader = a_leader(store)
    running = spawn(leader.run(), name="leader-under-test")
    try:
        await eventually_async(lambda: _leads(leader))
        await told(lambda: (an_instance(), revision.bump()))  # nobody calls leader.hint()

        async def published() -> bool:
            return (await head()).v == await told(revision.current)

        await eventually_async(published, timeout=10)
    finally:
        await cancelled(running)


async def test_a_variant_with_a_fault_keeps_its_content_and_the_fault_is_shown(
    store: Any,
) -> None:
    await told(an_instance)
    await told(lambda: a_route("Group_1"))
    leader = a_leader(store)
    await turned(leader)
    good = await head()
    await told(lambda: a_route("Group_9"))
    await turned(leader)
    bad = await head()
    assert bad.v > good.v
    assert bad.variants == good.variants
    assert bad.blocked == ("order/unit1/stable",)
    (finding,) = bad.findings
    assert (finding.code, finding.level) == ("MC0103", "block")
    assert finding.path == "/route/order/rules/0/split/0"
    successor = a_leader(store, "second")
    await told(lambda: lease.release(LEASE_NAME, "first", leader.fence, datetime.now(UTC)))
    await turned(successor)
    assert (await head()).variants == good.variants
    await told(lambda: a_route("Group_1"))
    await turned(successor)
    assert (await head()).blocked == ()


async def test_an_empty_redis_is_filled_again(store: Any) -> None:
    await told(lambda: (an_instance(), revision.bump()))
    leader = a_leader(store)
    await turned(leader)
    before = await head()
    await store.flushall()
    await turned(leader)
    assert await head() == before
    (digest,) = before.variants.values()
    assert await store.exists(keys.snapshot_key(digest))


async def test_a_leader_that_lost_its_lease_cannot_publish(store: Any) -> None:
    await told(lambda: (an_instance(), revision.bump()))
    old, new = a_leader(store, "old"), a_leader(store, "new")
    await turned(old)
    past = datetime.now(UTC) - timedelta(hours=1)
    await told(lambda: lease.release(LEASE_NAME, "old", old.fence, past))
    await turned(new)
    assert new.fence > old.fence
    await told(revision.bump)
    await turned(old)  # it still believes that it leads
    assert (await head()).fence == new.fence
    assert old._counts["heads_refused"] >= 1


async def test_neither_a_lower_fence_nor_a_lower_revision_is_published(store: Any) -> None:
    assert await publish(store, Head(v=5, fence=2), {})
    assert not await publish(store, Head(v=9, fence=1), {})
    assert not await publish(store, Head(v=4, fence=3), {})
    assert await publish(store, Head(v=5, fence=3), {})
    assert ((await head()).v, (await head()).fence) == (5, 3)


async def test_an_instance_whose_lease_ended_is_gone(store: Any) -> None:
    leader = await _leading_over(store, count=2)
    await store.zadd(keys.LEASES, {"order-0": time.time() + 60, "order-1": time.time() - 1})
    await _reaped(leader, store)
    assert await told(lambda: _states()) == {"order-0": "serving", "order-1": "gone"}
    assert await store.zscore(keys.LEASES, "order-1") is None


async def test_most_of_an_application_is_kept_and_written_down_once(store: Any) -> None:
    leader = await _leading_over(store, count=3)
    await store.zadd(keys.LEASES, {"order-0": time.time() + 60})
    await _reaped(leader, store)
    await _reaped(leader, store)
    assert set((await told(_states)).values()) == {"serving"}
    entries = await told(lambda: list(AuditEntry.objects.filter(verb="lease.spare")))
    assert [entry.object for entry in entries] == ["application:order"]


async def test_nobody_is_taken_out_soon_after_redis_came_back_empty(store: Any) -> None:
    leader = await _leading_over(store, count=1)
    await store.flushall()
    leader._led_since = 0.0
    await leader._reap(time.time())
    assert await told(_states) == {"order-0": "serving"}


async def _leading_over(store: Any, count: int) -> Leader:
    await told(lambda: _registered_long_ago(count))
    leader = a_leader(store)
    await turned(leader)
    return leader


async def _reaped(leader: Leader, store: Any) -> None:
    await store.set(keys.SINCE, "0")
    leader._led_since = 0.0
    await leader._reap(time.time())


def _registered_long_ago(count: int) -> None:
    for number in range(count):
        an_instance(f"order-{number}", address=f"127.0.0.1:{9000 + number}")
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    Instance.objects.update(registered_at=long_ago, seen_at=long_ago)
    revision.bump()


def _states() -> dict[str, str]:
    return dict(Instance.objects.values_list("instance_id", "state"))


async def _leads(leader: Leader) -> bool:
    return leader.leads
