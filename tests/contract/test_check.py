"""A snapshot that contradicts itself is named by place, code and sentence."""

from __future__ import annotations

import msgspec
import pytest

from proxy.contract.check import check
from proxy.contract.snapshot import (
    Endpoint,
    HealingTerms,
    Inbound,
    Route,
    Rule,
    Service,
    Share,
    Snapshot,
    Trust,
)
from tests.contract.examples import SNAPSHOTS

GOOD = Endpoint(id="a", addr="h:1", group="g", unit="u")


def service(**changes: object) -> Snapshot:
    fields: dict[str, object] = {"name": "s", "groups": ("g",), "endpoints": (GOOD,)}
    return Snapshot(service={"s": Service(**fields | changes)})  # type: ignore[arg-type]


def route(*split: Share, name: str = "s") -> Snapshot:
    made = Route(name=name, version=1, rules=(Rule(id="r", split=split),))
    return Snapshot(service={"s": Service(name="s", groups=("g",))}, route={"s": made})


def healing(**fields: object) -> Snapshot:
    return Snapshot(healing={"s": HealingTerms(**({"name": "s"} | fields))})  # type: ignore[arg-type]


def test_the_examples_are_consistent() -> None:
    assert [check(snapshot) for snapshot in SNAPSHOTS.values()] == [[]] * len(SNAPSHOTS)
    assert check(Snapshot()) == []


@pytest.mark.parametrize(
    ("snapshot", "path", "code"),
    [
        (service(name="t"), "/service/s", "name_differs"),
        (service(endpoints=(GOOD, GOOD)), "/service/s/endpoints/1", "endpoint_twice"),
        (service(groups=()), "/service/s/endpoints/0", "group_missing"),
        (service(request_timeout_seconds=0.0), "/service/s/request_timeout_seconds", "timeout"),
        (service(connect_timeout_seconds=-1.0), "/service/s/connect_timeout_seconds", "timeout"),
        (service(try_timeout_seconds=-1.0), "/service/s/try_timeout_seconds", "timeout"),
        (service(slow_start_seconds=-1.0), "/service/s/slow_start_seconds", "slow_start"),
        (service(slow_start_seconds=1e9), "/service/s/slow_start_seconds", "slow_start"),
        (service(retries=-1), "/service/s/retries", "retries"),
        (service(retries=11), "/service/s/retries", "retries"),
        (service(retry_on=(503, 500)), "/service/s/retry_on/1", "retry_on"),
        (service(hash_on="header:"), "/service/s/hash_on", "hash_on"),
        (service(hash_on="header:a b"), "/service/s/hash_on", "hash_on"),
        (service(hash_on="query:x"), "/service/s/hash_on", "hash_on"),
        (route(Share(group="x", percent=100)), "/route/s/rules/0/split/0", "group_missing"),
        (route(Share(group="g", percent=101)), "/route/s/rules/0/split/0", "percent"),
        (route(Share(group="g", percent=99)), "/route/s/rules/0/split", "percent_sum"),
        (route(), "/route/s/rules/0/split", "percent_sum"),
        (route(Share(group="g", percent=100), name="t"), "/route/s", "name_differs"),
        (healing(name="t"), "/healing/s", "name_differs"),
        (healing(max_out_share=0.6), "/healing/s/max_out_share", "healing"),
        (healing(min_left_share=0.4), "/healing/s/min_left_share", "healing"),
        (healing(error_floor=float("nan")), "/healing/s/error_floor", "healing"),
        (healing(base_seconds=60, max_seconds=30), "/healing/s/max_seconds", "healing"),
        (healing(statuses=(404,)), "/healing/s/statuses/0", "healing"),
    ],
)
def test_each_contradiction_has_its_place_and_code(
    snapshot: Snapshot, path: str, code: str
) -> None:
    assert (path, code) in [(fault.path, fault.code) for fault in check(snapshot)]


@pytest.mark.parametrize("key", ["", "path", "caller", "header:x-user", "cookie:sid"])
def test_a_key_names_what_stays_together(key: str) -> None:
    assert check(service(hash_on=key)) == []


@pytest.mark.parametrize(
    "addr", ["", "h", "h:", ":1", "h:0", "h:65536", "h:x", "h:+1", "h:\u0661", "h:1 "]
)
def test_an_address_is_a_host_and_a_port(addr: str) -> None:
    endpoint = msgspec.structs.replace(GOOD, addr=addr)
    assert [fault.code for fault in check(service(endpoints=(endpoint,)))] == ["address"]


def test_a_list_of_callers_that_is_empty_is_not_enforced() -> None:
    nobody = Snapshot(inbound={"a": Inbound(name="a", callers_mode="enforce")})
    assert [fault.code for fault in check(nobody)] == ["callers_missing"]


def test_what_the_mesh_trusts_is_one_bundle_with_a_root() -> None:
    def of(name: str, *roots: str) -> Snapshot:
        return Snapshot(trust={name: Trust(name=name, domain="mesh.example", roots=roots)})

    root = "-----BEGIN CERTIFICATE-----"
    assert check(of("mesh", root)) == []
    assert [fault.code for fault in check(of("other", root))] == ["name_differs"]
    assert [fault.code for fault in check(of("mesh"))] == ["roots_missing"]
    assert [fault.code for fault in check(of("mesh", "a root"))] == ["root"]
