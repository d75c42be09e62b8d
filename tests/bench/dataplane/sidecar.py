"""A sidecar of a mesh that starts from the snapshot on its disk, its console away."""

from __future__ import annotations

import sys

import msgspec

from proxy.contract.digest import digest_of
from proxy.contract.session import Push
from proxy.contract.snapshot import Snapshot
from proxy.store import SNAPSHOT_FILE
from tests.bench.dataplane.contenders.ours import thousand
from tests.bench.dataplane.contenders.roles import Written
from tests.bench.dataplane.machine import PROXY_CORE, rss_kb, started, stop
from tests.bench.dataplane.stand import Stand


def idle_sidecar_kb(stand: Stand) -> int:
    """Its memory, when it has opened its doors."""
    inbound, outbound, console, app = (stand.ports.take() for _ in range(4))
    state = stand.ground.folder / "state"
    state.mkdir(mode=0o700)
    (state / SNAPSHOT_FILE).write_bytes(msgspec.json.encode(_push(thousand(app))))
    argv = [sys.executable, "-m", "proxy", "--console", f"wss://127.0.0.1:{console}"]
    argv += ["--app", "app-0001", "--unit", "unit1", "--group", "all", "--instance", "app-0001-1"]
    argv += ["--inbound", f"127.0.0.1:{inbound}", "--outbound", f"127.0.0.1:{outbound}"]
    argv += ["--app-address", f"127.0.0.1:{app}", "--state-dir", str(state)]
    argv += ["--access-log", f"{stand.ground.folder}/sidecar.log"]
    process = started(Written(argv=argv), stand.ground.folder, PROXY_CORE, outbound)
    try:
        return rss_kb([process.pid])
    finally:
        stop(process)


def _push(snapshot: Snapshot) -> Push:
    parts = {
        "service": {name: _raw(service) for name, service in snapshot.service.items()},
        "route": {name: _raw(route) for name, route in snapshot.route.items()},
    }
    return Push(nonce="", v=1, digest=digest_of(snapshot), set=parts)


def _raw(resource: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(resource))
