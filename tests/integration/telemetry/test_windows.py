"""Windows go through a real Redis: once each, whatever is sent again, and read back as figures."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from meshconsole.core import redis as core_redis
from meshconsole.core.errors import Degraded
from meshconsole.telemetry import selectors
from meshconsole.telemetry.reader import EDGES, INSTANCES
from meshconsole.telemetry.services import WindowStore
from meshconsole.telemetry.store import edges_key
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import LATENCY_BUCKETS, EdgeWindow
from proxy.contract.session import Report

NOW = 1_800_000_000.0
"""The begin of a bucket."""


@pytest.fixture(autouse=True)
async def _fresh(mesh_redis: str) -> AsyncIterator[None]:
    EDGES.forget()
    INSTANCES.forget()
    yield
    await core_redis.async_close()


def identity(instance: str, app: str = "gateway", unit: str = "unit1") -> InstanceIdentity:
    return InstanceIdentity(trust_domain="mesh.local", unit=unit, app=app, instance=instance)


def latency(**at: int) -> list[int]:
    counts = [0] * LATENCY_BUCKETS
    for place, count in at.items():
        counts[int(place[1:])] = count
    return counts


def calls(requests: int = 10, **fields: object) -> EdgeWindow:
    given: dict[str, object] = {
        "side": "out",
        "app": "order",
        "unit": "unit1",
        "group": "Group_1",
        "interface": "POST /order",
        "requests": requests,
        "status": {"2xx": requests},
        "latency": latency(b3=requests),
    }
    return EdgeWindow(**(given | fields))  # type: ignore[arg-type]


def report(seq: int, *windows: EdgeWindow, at: float = NOW) -> Report:
    return Report(seq=seq, window_start=at, window_end=at + 1, up=list(windows))


def store(shard: str = "s1", now: float = NOW + 12) -> WindowStore:
    return WindowStore(shard, now=lambda: now)


async def test_a_report_is_counted_once_however_often_and_in_whatever_order_it_comes() -> None:
    windows = store()
    gateway = identity("gateway-1")
    for seq in (1, 3, 2, 3, 1):
        windows.add(gateway, "Group_1", "boot", report(seq, calls(10)))
    await windows.flush()
    assert not windows.add(gateway, "Group_1", "boot", report(2, calls(10)))
    assert windows.add(gateway, "Group_1", "boot", report(4, calls(10)))
    await windows.flush()
    await windows.flush()
    (edge,) = selectors.edges(minutes=1, now=NOW + 15)
    assert edge.figures.requests == 40
    assert (edge.source_app, edge.source_group, edge.app, edge.group) == (
        "gateway", "Group_1", "order", "Group_1",
    )  # fmt: skip


async def test_a_report_sent_again_to_another_shard_or_a_restarted_one_is_not_counted_twice() -> (
    None
):
    first = store("s1")
    first.add(identity("gateway-1"), "", "boot", report(1, calls(10)))
    await first.flush()
    for shard in ("s2", "s1"):
        again = store(shard)
        again.add(identity("gateway-1"), "", "boot", report(1, calls(10)))
        again.add(identity("gateway-1"), "", "boot", report(len(shard) + ord(shard[1]), calls(1)))
        await again.flush()
    (edge,) = selectors.edges(minutes=1, now=NOW + 15)
    assert edge.figures.requests == 12


async def test_what_one_shard_did_not_write_is_taken_by_the_next() -> None:
    lost = store("s1")
    lost.add(identity("gateway-1"), "", "boot", report(1, calls(10)))
    other = store("s2")
    other.add(identity("gateway-1"), "", "boot", report(1, calls(10)))
    await other.flush()
    assert selectors.edges(minutes=1, now=NOW + 15)[0].figures.requests == 10


async def test_a_late_report_adds_to_a_bucket_that_was_let_go() -> None:
    clock = [NOW + 12]
    windows = WindowStore("s1", now=lambda: clock[0])
    windows.add(identity("gateway-1"), "", "boot", report(1, calls(10)))
    await windows.flush()
    clock[0] = NOW + 300
    windows.add(identity("gateway-1"), "", "boot", report(2, calls(1), at=NOW + 299))
    await windows.flush()
    windows.add(identity("gateway-1"), "", "boot", report(3, calls(5)))
    await windows.flush()
    assert sum(e.figures.requests for e in selectors.edges(minutes=10, now=NOW + 315)) == 16


async def test_rates_are_over_what_was_covered_and_leave_the_running_bucket_out() -> None:
    windows = store(now=NOW + 22)
    for second in range(25):
        at = NOW + second
        windows.add(identity("gateway-1"), "", "boot", report(second, calls(10), at=at))
    await windows.flush()
    (edge,) = selectors.edges(minutes=5, now=NOW + 23)
    assert edge.figures.requests == 200
    assert edge.figures.requests_per_second == pytest.approx(10)
    assert edge.figures.p95_seconds == pytest.approx(0.00975)
    points = selectors.series(minutes=5, now=NOW + 23)
    assert [point.at for point in points] == [NOW, NOW + 10]


async def test_inbound_windows_are_told_by_instance_application_and_interface() -> None:
    windows = store()
    order = identity("order-1", app="order")
    inbound = calls(8, side="in", encrypted=True, errors={"5xx": 2}, app="forged", unit="forged")
    windows.add(order, "Group_2", "b1", report(1, inbound))
    failed = calls(2, errors={"connect": 2}, status={}, latency=[])
    windows.add(identity("gateway-1"), "", "b2", report(1, calls(8), failed))
    await windows.flush()
    now = NOW + 15
    (instance,) = selectors.instances(minutes=1, now=now)
    assert (instance.instance, instance.app, instance.unit, instance.group) == (
        "order-1", "order", "unit1", "Group_2",
    )  # fmt: skip
    assert instance.figures.error_ratio == 0.25
    (app,) = selectors.applications(minutes=1, now=now)
    assert (app.figures.requests, app.figures.error_count) == (10, 4)
    assert (app.callers.requests, app.callers.error_count) == (10, 2)
    (interface,) = selectors.interfaces(app="order", minutes=1, now=now)
    assert interface.interface == "POST /order"
    assert interface.figures.errors == {"connect": 2, "5xx": 2}
    assert selectors.encrypted_share(minutes=1, now=now) == 1.0
    (point,) = selectors.series(minutes=1, app="order", now=now)
    assert point.error_ratio == pytest.approx(0.4)
    assert selectors.series(minutes=1, app="stock", now=now)[0].requests_per_second == 0


async def test_groups_tell_what_callers_send_to_each() -> None:
    windows = store()
    gateway = identity("gateway-1")
    windows.add(gateway, "", "b", report(1, calls(30), calls(10, group="Group_2")))
    windows.add(identity("web-1", app="web"), "", "c", report(1, calls(20)))
    await windows.flush()
    one, two = selectors.groups(app="order", minutes=1, now=NOW + 15)
    assert (one.group, one.caller_count, two.group, two.caller_count) == (
        "Group_1", 2, "Group_2", 1,
    )  # fmt: skip
    assert one.share == pytest.approx(50 / 60)


async def test_the_graph_has_the_outside_where_more_came_in_than_sidecars_sent() -> None:
    windows = store()
    windows.add(
        identity("gateway-1"),
        "Group_1",
        "b1",
        report(1, calls(10), calls(100, side="in", interface="GET /")),
    )
    windows.add(identity("order-1", app="order"), "Group_1", "b2", report(1, calls(10, side="in")))
    await windows.flush()
    graph = selectors.topology(minutes=1, now=NOW + 15)
    assert [(node.kind, node.label) for node in graph.nodes] == [
        ("outside", "outside"), ("application", "gateway"), ("application", "order"),
    ]  # fmt: skip
    assert {(edge.source, edge.target): edge.figures.requests for edge in graph.edges} == {
        ("gateway", "order"): 10,
        ("(outside)", "gateway"): 100,
    }
    near = selectors.topology(minutes=1, app="order", now=NOW + 15)
    assert [edge.target for edge in near.edges] == ["order"]


async def test_without_any_window_there_is_nothing_and_no_error() -> None:
    assert selectors.edges(minutes=60, now=NOW) == []
    assert selectors.series(minutes=60, now=NOW) == []
    assert selectors.encrypted_share(minutes=5, now=NOW) is None
    assert selectors.topology(minutes=5, now=NOW).nodes == []


async def test_a_field_that_cannot_be_read_is_skipped() -> None:
    windows = store()
    windows.add(identity("gateway-1"), "", "b", report(1, calls(10)))
    await windows.flush()
    core_redis.client().hset(edges_key(int(NOW)), "stranger", "not a page")
    assert selectors.edges(minutes=1, now=NOW + 15)[0].figures.requests == 10


async def test_buckets_end_by_themselves() -> None:
    windows = store()
    windows.add(identity("gateway-1"), "", "b", report(1, calls(10)))
    await windows.flush()
    left = core_redis.client().ttl(edges_key(int(NOW)))
    assert isinstance(left, int)
    assert 3600 < left <= 3700


async def test_reading_without_redis_is_degraded(settings: object) -> None:
    settings.MESH_REDIS_URL = "unix:///nowhere/redis.sock"  # type: ignore[attr-defined]
    with pytest.raises(Degraded):
        selectors.edges(minutes=1, now=NOW)
