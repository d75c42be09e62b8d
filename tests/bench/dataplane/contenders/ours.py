"""Ours, with everything on: a thousand routes, counters, admission, trace header, access log."""

from __future__ import annotations

import functools
import subprocess
import sys

import msgspec

from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from tests.bench.dataplane.contenders.roles import Place, Role, Written

ROUTES = 1000
CALLED = "app-0500"
"""The application that every load calls, by its Host."""


def ours(role: Role, place: Place) -> Written:
    """The stand-alone proxy; towards callers of other machines it has one fixed upstream, as an
    inbound sidecar has."""
    argv = [sys.executable, "-m", "proxy", "--listen", f"127.0.0.1:{place.port}"]
    argv += ["--admin", f"127.0.0.1:{place.spare}"]
    argv += ["--access-log", f"{place.folder}/{place.name}.log"]
    files: dict[str, str] = {}
    if role in ("inbound", "tcp") or not has_flag("--snapshot"):
        argv += ["--upstream", f"127.0.0.1:{place.to}"]
    else:
        argv += ["--snapshot", f"{place.folder}/{place.name}.json"]
        files[f"{place.name}.json"] = msgspec.json.encode(thousand(place.to)).decode()
    tls = place.certificates
    chain = f"{tls.leaf},{tls.key},{tls.ca}"
    argv += {
        "plain": [],
        "inbound": ["--listen-tls", chain],
        "outbound": ["--upstream-tls", chain],
        "tcp": ["--protocol", "tcp"],
        "http2": ["--protocol", "http2"],
    }[role]
    if role == "http2" and has_flag("--upstream-protocol"):
        argv += ["--upstream-protocol", "http2"]
    return Written(argv=argv, files=files)


def thousand(port: int) -> Snapshot:
    """A thousand applications with a rule each; all of them are at `port`."""
    names = [f"app-{number:04}" for number in range(ROUTES)]
    return Snapshot(
        service={name: _service(name, port) for name in names},
        route={name: _route(name) for name in names},
    )


def _service(name: str, port: int) -> Service:
    endpoint = Endpoint(id=f"{name}-1", addr=f"127.0.0.1:{port}", group="all", unit="unit1")
    return Service(
        name=name, endpoints=(endpoint,), groups=("all", "next"), interfaces=("GET /{item}",)
    )


def _route(name: str) -> Route:
    split = (Share(group="all", percent=100.0), Share(group="next", percent=0.0))
    return Route(name=name, version=1, rules=(Rule(id=f"rule-{name}", split=split),))


@functools.cache
def has_flag(flag: str) -> bool:
    """Does this proxy know the flag?"""
    told = subprocess.run(
        [sys.executable, "-m", "proxy", "--help"], capture_output=True, text=True, check=True
    )
    return flag in told.stdout
