"""A sidecar of a mesh whose console, Redis and database are all gone: it serves from its disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from proxy.configuration import Held, applied
from proxy.contract.digest import canonical, digest_of
from proxy.contract.session import Push
from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from proxy.store import SnapshotStore
from tests.harness.wait import eventually
from tests.integration.proxy.processes import Origin, Running, free_port, listens, origin_server


def _keep(state: Path, snapshot: Snapshot) -> None:
    """Put a snapshot where a sidecar keeps its last one."""
    raw = {
        kind: {name: msgspec.Raw(canonical(one)) for name, one in named.items()}
        for kind, named in (("service", snapshot.service), ("route", snapshot.route))
    }
    held = applied(Push(nonce="n", v=7, digest=digest_of(snapshot), set=raw), None)
    assert isinstance(held, Held)
    assert SnapshotStore(state).save(held)


def _snapshot(*endpoints: tuple[str, str, int]) -> Snapshot:
    service = Service(
        name="stock",
        endpoints=tuple(
            Endpoint(id=name, addr=f"127.0.0.1:{port}", group=group, unit="u1")
            for name, group, port in endpoints
        ),
        groups=("Group_1", "Group_2"),
        interfaces=("GET /stock/{sku}",),
    )
    rule = Rule(id="all", split=(Share(group="Group_2", percent=100.0),))
    return Snapshot(
        service={"stock": service}, route={"stock": Route(name="stock", version=1, rules=(rule,))}
    )


@contextmanager
def _sidecar(
    app: str, state: Path, app_address: str, inbound: int = 0
) -> Iterator[tuple[Running, int]]:
    """A sidecar without a console; its outbound is where it is asked, beside it its inbound."""
    inbound = inbound or free_port()
    outbound, admin = free_port(), free_port()
    nowhere = f"wss://127.0.0.1:{free_port()}"
    argv = [
        *(sys.executable, "-m", "proxy", "--console", nowhere, "--enrol", nowhere),
        *("--join-token-file", str(state / "token"), "--state-dir", str(state)),
        *("--app", app, "--unit", "u1", "--group", "Group_2", "--instance", f"{app}-1"),
        *("--inbound", f"127.0.0.1:{inbound}", "--outbound", f"127.0.0.1:{outbound}"),
        *("--app-address", app_address, "--admin", f"127.0.0.1:{admin}"),
        *("--interface", "GET /stock/{sku}"),
    ]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listens(admin) or process.poll() is not None, timeout=15)
        yield Running(process, outbound, admin), inbound
    finally:
        process.kill()
        process.wait(15)


def _ask(running: Running, path: str) -> tuple[int, bytes]:
    return running.get(path, host="stock")


def test_a_call_goes_from_outbound_to_inbound_to_the_application(tmp_path: Path) -> None:
    with ExitStack() as stack:
        origin: Origin = stack.enter_context(origin_server())
        far, inbound = stack.enter_context(_sidecar("stock", tmp_path / "stock", origin.address))
        _keep(
            tmp_path / "gateway",
            _snapshot(("old", "Group_1", free_port()), ("stock-1", "Group_2", inbound)),
        )
        near, _ = stack.enter_context(_sidecar("gateway", tmp_path / "gateway", "127.0.0.1:1"))
        for sku in range(5):
            assert _ask(near, f"/stock/{sku}") == (200, f"/stock/{sku}".encode())
        assert near.ask_admin("/readyz")[0] == 200
        stats = json.loads(near.ask_admin("/stats")[1])
        assert stats["revision"] == 7
        assert [edge["group"] for edge in stats["edges"]] == ["Group_2"]
        labels = (
            b'destination_app="stock",destination_unit="u1",destination_group="Group_2",'
            b'interface="GET /stock/{sku}"'
        )
        source = b'reporter="source",source_app="gateway",source_unit="u1",'
        assert source + labels in near.ask_admin("/metrics")[1]
        target = b'reporter="destination",source_app="unknown",source_unit="unknown",'
        assert target + labels in far.ask_admin("/metrics")[1]
        assert far.ask_admin("/readyz")[0] == 503
        assert near.get("/", host="nobody")[0] == 404
        near.process.send_signal(signal.SIGTERM)
        assert near.process.wait(20) == 0


def test_a_killed_sidecar_serves_again_from_its_disk(tmp_path: Path) -> None:
    with ExitStack() as stack:
        origin: Origin = stack.enter_context(origin_server())
        port = int(origin.address.rpartition(":")[2])
        _keep(tmp_path, _snapshot(("stock-1", "Group_2", port)))
        with _sidecar("gateway", tmp_path, "127.0.0.1:1") as (first, _):
            assert _ask(first, "/stock/1")[0] == 200
            first.process.kill()
            first.process.wait(10)
        with _sidecar("gateway", tmp_path, "127.0.0.1:1") as (second, _):
            assert _ask(second, "/stock/2")[0] == 200


def test_a_broken_snapshot_on_disk_is_left_aside_and_said(tmp_path: Path) -> None:
    (tmp_path / "snapshot.json").write_text('{"type":"push","half')
    with _sidecar("gateway", tmp_path, "127.0.0.1:1") as (running, _):
        status, body = _ask(running, "/stock/1")
        assert status == 503
        assert b"no snapshot yet" in body
        assert running.ask_admin("/livez")[0] == 200
        assert running.ask_admin("/readyz")[0] == 503
