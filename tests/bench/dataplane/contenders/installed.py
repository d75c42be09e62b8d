"""Which contenders are here; who is not is named, with the way to get it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.bench.dataplane.contenders.envoy import envoy
from tests.bench.dataplane.contenders.haproxy import haproxy
from tests.bench.dataplane.contenders.nginx import nginx
from tests.bench.dataplane.contenders.ours import ours
from tests.bench.dataplane.contenders.roles import Contender

PEERS = ("nginx", "haproxy", "envoy")
HOW = {
    "nginx": "apt-get install nginx libnginx-mod-stream",
    "haproxy": "apt-get install haproxy",
    "envoy": "make bench-peers, or name it with ENVOY_BIN",
    "wrk": "apt-get install wrk",
    "h2load": "apt-get install nghttp2-client",
    "taskset": "apt-get install util-linux",
}


def contenders(wanted: tuple[str, ...] = PEERS) -> dict[str, Contender]:
    """Ours, and every wanted peer that is installed."""
    found: dict[str, Contender] = {"ours": ours}
    for name in wanted:
        binary = binary_of(name)
        if binary is not None:
            found[name] = {"nginx": nginx, "haproxy": haproxy, "envoy": envoy(binary)}[name]
    return found


def missing(wanted: tuple[str, ...] = PEERS) -> list[str]:
    """A sentence for every wanted program that is not here."""
    return [f"{name} is not installed: {HOW[name]}" for name in wanted if binary_of(name) is None]


def binary_of(name: str) -> str | None:
    """Where it is; None when it is not here."""
    if name == "envoy":
        beside = Path(sys.executable).parent / "envoy"
        named = os.environ.get("ENVOY_BIN")
        return named or shutil.which(name) or (str(beside) if beside.is_file() else None)
    return shutil.which(name)
