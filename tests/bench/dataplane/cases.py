"""What is measured: which roles stand in a row, which load comes, and what ours must reach."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tests.bench.dataplane import loads
from tests.bench.dataplane.contenders.roles import Role
from tests.bench.dataplane.loads import Ground, Loaded


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the promises."""

    key: str
    title: str
    roles: tuple[Role, ...]
    """From the origin to the caller, all on the one core."""
    load: Callable[[Ground, int, int], Loaded]
    """To a port, for seconds."""
    speaks: str = "http1"
    """What the origin is spoken to with."""
    what: str = "request"
    needs: tuple[str, ...] = ("wrk",)
    at_least: dict[str, float] = {}
    """By peer: how many times its requests per CPU-second ours must serve."""


CASES = (
    Case(
        key="h1",
        title="HTTP/1.1 small",
        roles=("plain",),
        load=loads.wrk,
        at_least={"envoy": 1.5, "haproxy": 0.5},
    ),
    Case(key="h1-10k", title="HTTP/1.1 10 KiB", roles=("plain",), load=loads.large),
    Case(
        key="s2s",
        title="mTLS sidecar to sidecar",
        roles=("inbound", "outbound"),
        load=loads.wrk,
        at_least={"envoy": 1.2},
    ),
    Case(
        key="hs",
        title="full mTLS handshake",
        roles=("inbound",),
        load=loads.handshakes,
        what="handshake",
        needs=(),
    ),
    Case(key="tcp", title="TCP", roles=("tcp",), load=loads.wrk, at_least={"envoy": 0.8}),
    Case(
        key="h2",
        title="HTTP/2 calls",
        roles=("http2",),
        load=loads.h2load,
        speaks="http2",
        needs=("h2load",),
    ),
)
