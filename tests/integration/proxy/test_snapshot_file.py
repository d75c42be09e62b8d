"""A stand-alone proxy that routes by a file, and reads it again while it serves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from proxy.contract.snapshot import Endpoint, Service, Snapshot
from tests.harness.wait import eventually
from tests.integration.proxy.processes import Running, alone, origin_server


def _write(path: Path, **addresses: str) -> None:
    services = {
        name: Service(
            name=name,
            endpoints=(Endpoint(id=name, addr=address, group="g", unit="u"),),
            groups=("g",),
        )
        for name, address in addresses.items()
    }
    path.write_bytes(msgspec.json.encode(Snapshot(service=services)))


def _revision(running: Running) -> int:
    return int(json.loads(running.ask_admin("/config")[1])["revision"])


def test_requests_go_by_their_host_and_a_new_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "mesh.json"
    with origin_server() as one, origin_server() as two:
        _write(path, stock=one.address, order=two.address)
        with alone("--snapshot", str(path)) as running:
            assert running.get("/a", host="stock") == (200, b"/a")
            assert running.get("/b", host="order") == (200, b"/b")
            assert running.get("/c", host="pay")[0] == 404
            assert (one.seen, two.seen) == (["/a"], ["/b"])

            _write(path, stock=two.address)
            status, answer = running.ask_admin("/reload", "POST")
            assert (status, json.loads(answer)["changed"]) == (200, True)
            assert running.get("/d", host="stock") == (200, b"/d")
            assert running.get("/e", host="order")[0] == 404
            assert two.seen == ["/b", "/d"]
            assert not json.loads(running.ask_admin("/reload", "POST")[1])["changed"]

            path.write_text('{"service":{"stock":{"name":"order"}}}')
            status, answer = running.ask_admin("/reload", "POST")
            assert status == 422
            assert json.loads(answer)["faults"][0].startswith("/service/stock: ")
            assert running.get("/f", host="stock") == (200, b"/f")

            _write(path, order=one.address)
            running.process.send_signal(signal.SIGHUP)
            eventually(lambda: _revision(running) == 3)
            assert running.get("/g", host="order") == (200, b"/g")


def test_a_file_without_a_snapshot_is_said_before_serving(tmp_path: Path) -> None:
    path = tmp_path / "mesh.json"
    path.write_text('{"service":{"stock":{"name":"order"}}}')
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "--listen", "127.0.0.1:0", "--snapshot", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "The service calls itself 'order'." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_proxy_that_has_no_file_does_not_reload() -> None:
    with alone("--upstream", "127.0.0.1:1") as running:
        status, answer = running.ask_admin("/reload", "POST")
        assert status == 409
        assert b"--snapshot" in answer
