"""Windows are believed within bounds, and a sidecar cannot make the store grow without end."""

from __future__ import annotations

from typing import Any

import pytest

from meshconsole.telemetry.accumulator import (
    EDGES_PER_BUCKET,
    INTERFACES_PER_APPLICATION,
    Bucket,
    bucket_for,
)
from meshconsole.telemetry.tally import total_of
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import EdgeWindow
from proxy.contract.session import Report

GATEWAY = InstanceIdentity(trust_domain="mesh.local", unit="unit1", app="gateway", instance="g-1")


def window(**fields: Any) -> EdgeWindow:
    given: dict[str, Any] = {
        "side": "out",
        "app": "order",
        "unit": "unit1",
        "group": "Group_1",
        "interface": "GET /order",
        "requests": 1,
    }
    return EdgeWindow(**(given | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"requests": -1},
        {"requests": 10**12},
        {"errors": {"connect": -1}},
        {"status": {"2xx": 10**30}},
        {"latency": [1, 2, 3]},
        {"latency": [-1] * 17},
        {"latency_sum_seconds": float("nan")},
        {"latency_sum_seconds": float("inf")},
        {"bytes_in": -1},
        {"bytes_out": 10**30},
    ],
)
def test_numbers_that_cannot_be_true_are_not_counted(fields: dict[str, Any]) -> None:
    bucket = Bucket("w")
    assert not bucket.add(GATEWAY, "", window(**fields))
    assert not bucket.edges


def test_a_sidecar_speaks_of_its_own_inbound_side_only_as_itself() -> None:
    bucket = Bucket("w")
    bucket.add(GATEWAY, "Group_1", window(side="in", app="bank", unit="x", group="y"))
    (key,) = bucket.edges
    assert (key.app, key.unit, key.group) == ("gateway", "unit1", "Group_1")
    (instance,) = bucket.instances
    assert instance.instance == "g-1"


@pytest.mark.parametrize("name", ["<script>", "a b", "x" * 64, "\ud800", "a/b"])
def test_what_is_no_name_is_other(name: str) -> None:
    bucket = Bucket("w")
    bucket.add(GATEWAY, "", window(app=name, interface="x" * 201))
    (key,) = bucket.edges
    assert (key.app, key.interface) == ("other", "other")


def test_interfaces_beyond_the_cap_are_one() -> None:
    bucket = Bucket("w")
    for number in range(INTERFACES_PER_APPLICATION + 50):
        bucket.add(GATEWAY, "", window(interface=f"GET /{number}"))
    assert len(bucket.edges) == INTERFACES_PER_APPLICATION + 1
    assert total_of(bucket.edges.values()).requests == INTERFACES_PER_APPLICATION + 50


def test_edges_beyond_the_cap_are_one_and_nothing_is_lost() -> None:
    bucket = Bucket("w")
    for number in range(EDGES_PER_BUCKET + 50):
        bucket.add(GATEWAY, "", window(app=f"app-{number}"))
    assert len(bucket.edges) <= EDGES_PER_BUCKET + 2
    assert total_of(bucket.edges.values()).requests == EDGES_PER_BUCKET + 50


@pytest.mark.parametrize(
    ("begin", "end", "bucket"),
    [
        (100.0, 101.0, 100),
        (109.0, 112.0, 110),
        (5000.0, 5001.0, 1000),
        (float("nan"), 1.0, None),
        (2.0, 1.0, None),
        (-5.0, 1.0, None),
        (1.0, float("inf"), None),
    ],
)
def test_a_report_falls_into_the_bucket_of_its_middle(
    begin: float, end: float, bucket: int | None
) -> None:
    report = Report(seq=1, window_start=begin, window_end=end)
    assert bucket_for(report, now=1000.0) == bucket
