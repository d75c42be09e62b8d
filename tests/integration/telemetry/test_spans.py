"""Any span of the last quarter of an hour, by whole buckets, and the one that runs up to now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshconsole.core import redis
from meshconsole.core.errors import Degraded
from meshconsole.telemetry.reader import INSTANCES
from meshconsole.telemetry.spans import instances_between
from meshconsole.telemetry.store import InstanceKey, encode_instances, instances_key
from meshconsole.telemetry.tally import Tally

NOW = 1_800_000_000.0
"""The begin of a bucket."""


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    INSTANCES.forget()
    yield
    INSTANCES.forget()


@pytest.fixture
def _told(mesh_redis: str) -> None:
    """One request of order-1 in each ten seconds of two minutes, two of order-2."""
    for bucket in range(int(NOW) - 120, int(NOW) + 10, 10):
        rows = {
            InstanceKey(f"order-{n}", "order", "unit1", "Group_1"): Tally(requests=n)
            for n in (1, 2)
        }
        value = encode_instances(bucket, bucket + 10, rows)
        redis.client(text=False).hset(instances_key(bucket), mapping={"shard": value})


def requests(begin: float, end: float, now: float = NOW) -> dict[str, int]:
    found = instances_between(["order-1", "order-2", "nobody"], begin=begin, end=end, now=now)
    return {name: tally.requests for name, tally in found.items()}


@pytest.mark.usefixtures("_told")
def test_only_buckets_that_lie_in_the_span_count() -> None:
    assert requests(NOW - 60, NOW - 30) == {"order-1": 3, "order-2": 6}
    assert requests(NOW - 61, NOW - 25) == {"order-1": 3, "order-2": 6}
    assert requests(NOW - 59, NOW - 31) == {"order-1": 1, "order-2": 2}
    assert requests(NOW - 29, NOW - 21) == {}


@pytest.mark.usefixtures("_told")
def test_up_to_now_the_bucket_that_runs_counts_with_what_it_holds() -> None:
    assert requests(NOW - 20, NOW + 4, now=NOW + 4) == {"order-1": 3, "order-2": 6}
    assert requests(NOW - 20, NOW, now=NOW + 4) == {"order-1": 2, "order-2": 4}


@pytest.mark.usefixtures("_told")
def test_what_is_older_than_a_quarter_of_an_hour_is_not_read() -> None:
    assert requests(NOW - 10_000, NOW + 4, now=NOW + 4) == {"order-1": 13, "order-2": 26}
    INSTANCES.forget()
    assert requests(NOW - 120, NOW + 890, now=NOW + 890) == {"order-1": 2, "order-2": 4}


def test_without_redis_it_is_said() -> None:
    with pytest.raises(Degraded):
        requests(NOW - 60, NOW)
