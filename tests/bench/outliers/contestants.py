"""Ours and Envoy in front of the same endpoints, and how each says whom it has ejected."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from proxy.contract.digest import canonical
from proxy.contract.snapshot import Endpoint, HealingTerms, Service, Snapshot
from tests.bench.dataplane.contenders.installed import binary_of
from tests.bench.dataplane.contenders.roles import Written

_TYPES = "type.googleapis.com/envoy.extensions.filters"


class Contestant(msgspec.Struct, frozen=True):
    """How it is started in front of some ports, and asked whom it ejected."""

    name: str
    written: Callable[[int, int, Sequence[int], str], Written]
    """Of its port, its admin port, the endpoints' ports and a folder."""
    ejected: Callable[[int], frozenset[int]]
    """Ports, by its admin port."""


def contestants() -> list[Contestant]:
    """Ours, and Envoy where it is installed."""
    found = [Contestant("ours", _ours, _ours_ejected)]
    binary = binary_of("envoy")
    if binary is not None:
        found.append(
            Contestant(
                "envoy",
                lambda port, admin, to, folder: _envoy(binary, port, admin, to, folder),
                _envoy_ejected,
            )
        )
    return found


def _ours(port: int, admin: int, to: Sequence[int], folder: str) -> Written:
    endpoints = tuple(
        Endpoint(id=f"s{one}", addr=f"127.0.0.1:{one}", group="g", unit="u") for one in to
    )
    snapshot = Snapshot(
        service={"stock": Service(name="stock", endpoints=endpoints, groups=("g",), retries=0)},
        healing={"stock": HealingTerms(name="stock", mode="eject")},
    )
    name = f"ours-{port}.json"
    argv = [sys.executable, "-m", "proxy", "--listen", f"127.0.0.1:{port}"]
    argv += ["--snapshot", f"{folder}/{name}", "--admin", f"127.0.0.1:{admin}"]
    return Written(argv=argv, files={name: canonical(snapshot).decode()})


def _ours_ejected(admin: int) -> frozenset[int]:
    said = _asked(admin, "/config")
    return frozenset(
        int(one["address"].rpartition(":")[2])
        for one in said["ejections"]
        if one.get("state", "ejected") != "returning"
    )


def _envoy(binary: str, port: int, admin: int, to: Sequence[int], folder: str) -> Written:
    """Its defaults, made quicker and more willing: every second, of half the endpoints, and by
    success rate from three endpoints with twenty requests on."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "5s"}}
    manager = {
        "name": "http",
        "typed_config": {
            "@type": f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "h",
            "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [route]}]},
            "http_filters": [
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": f"{_TYPES}.http.router.v3.Router"},
                }
            ],
        },
    }
    cluster = {
        "name": "up",
        "type": "STATIC",
        "connect_timeout": "1s",
        "common_lb_config": {"healthy_panic_threshold": {"value": 50}},
        "outlier_detection": {
            "interval": "1s",
            "max_ejection_percent": 50,
            "success_rate_minimum_hosts": 3,
            "success_rate_request_volume": 20,
        },
        "load_assignment": {
            "cluster_name": "up",
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": _address(one)}} for one in to]}
            ],
        },
    }
    listener = {
        "name": "l",
        "address": _address(port),
        "filter_chains": [{"filters": [manager]}],
    }
    conf = {
        "admin": {"address": _address(admin)},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }
    name = f"envoy-{port}.json"
    argv = [binary, "-c", f"{folder}/{name}", "--concurrency", "1"]
    argv += ["--disable-hot-restart", "-l", "error"]
    return Written(argv=argv, files={name: json.dumps(conf)})


def _envoy_ejected(admin: int) -> frozenset[int]:
    said = _asked(admin, "/clusters?format=json")
    return frozenset(
        int(host["address"]["socket_address"]["port_value"])
        for cluster in said["cluster_statuses"]
        for host in cluster.get("host_statuses", ())
        if host.get("health_status", {}).get("failed_outlier_check")
    )


def _asked(admin: int, path: str) -> dict[str, Any]:
    place = f"http://127.0.0.1:{admin}{path}"
    with urllib.request.urlopen(place, timeout=5) as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def _address(port: int) -> dict[str, dict[str, object]]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
