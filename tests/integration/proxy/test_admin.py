"""The admin door of a real process: what it explains, what it shows, and what it never shows."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import msgspec

from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from tests.harness.wait import eventually
from tests.integration.proxy.pki import Pki, pki
from tests.integration.proxy.processes import Running, alone, origin_server

__all__ = ["pki"]


def _snapshot(address: str) -> bytes:
    service = Service(
        name="stock",
        endpoints=(Endpoint(id="s1", addr=address, group="g", unit="u"),),
        groups=("g",),
    )
    rule = Rule(id="all-to-g", split=(Share(group="g", percent=100),))
    route = Route(name="stock", version=1, rules=(rule,))
    return msgspec.json.encode(Snapshot(service={"stock": service}, route={"stock": route}))


def _knock(running: Running, *parts: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", running.admin), 10) as door:
        for part in parts:
            door.sendall(part)
        answer = b""
        while more := door.recv(65536):
            answer += more
        return answer


def test_a_request_is_explained_over_the_door_and_by_the_client(tmp_path: Path) -> None:
    path = tmp_path / "mesh.json"
    with origin_server() as origin:
        path.write_bytes(_snapshot(origin.address))
        with alone("--snapshot", str(path)) as running:
            before = running.ask_admin("/stats")[1]
            head = b"GET /a HTTP/1.1\r\nHost: stock\r\n\r\n"
            length = b"Content-Length: %d\r\n\r\n" % len(head)
            ask = b"POST /explain HTTP/1.1\r\nHost: localhost\r\n"
            answer = json.loads(
                _knock(running, ask, length, head[:9], head[9:]).split(b"\r\n\r\n")[1]
            )
            assert answer["would_pick"] == "s1"
            assert answer["reasons"]["rules"][0]["rule"] == "all-to-g"
            assert answer["encryption"] == "none"

            done = subprocess.run(
                [
                    *(sys.executable, "-m", "proxy", "explain", "GET /a", "-H", "host: stock"),
                    *("--admin", f"127.0.0.1:{running.admin}"),
                ],
                capture_output=True,
                text=True,
                timeout=30,
            )
            assert done.returncode == 0, done.stderr
            mine = json.loads(done.stdout)
            assert mine["would_pick"] == "s1"

            after = running.ask_admin("/stats")[1]
            assert _still(before) == _still(after)
            assert origin.seen == []


def _still(stats: bytes) -> dict[str, object]:
    return {k: v for k, v in json.loads(stats).items() if k != "up_seconds"}


def test_a_body_at_the_door_is_bounded_and_asked_for_by_this_machine_only() -> None:
    with alone("--upstream", "127.0.0.1:1") as running:
        ask = b"POST /explain HTTP/1.1\r\nHost: %b\r\n%b\r\n"
        for host, line, status in (
            (b"localhost", b"Content-Length: 32769\r\n", b"413"),
            (b"localhost", b"Transfer-Encoding: chunked\r\n", b"411"),
            (b"localhost", b"", b"411"),
            (b"evil.example", b"Content-Length: 1\r\n", b"403"),
            (b"localhost", b"Content-Length: 1\r\nOrigin: http://evil.example\r\n", b"403"),
        ):
            assert _knock(running, ask % (host, line)).startswith(b"HTTP/1.1 " + status)


def test_no_secret_is_on_any_page_in_any_log_or_in_any_metric(pki: Pki, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    cert, key, ca = pki.flag("one").split(",")
    secrets = [line for line in Path(key).read_text().splitlines() if len(line) > 20]
    secrets += ["s3cret-bearer", "s3cret-cookie", "s3cret-query-free"]
    with (
        origin_server() as origin,
        alone(
            *("--upstream", origin.address, "--upstream-tls", f"{cert},{key},{ca}"),
            *("--access-log", str(log)),
        ) as running,
    ):
        head = (
            b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret-bearer\r\n"
            b"Cookie: s3cret-cookie\r\nX-Api-Key: s3cret-query-free\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", running.port), 10) as caller:
            caller.sendall(head)
            answer = b""
            while more := caller.recv(65536):
                answer += more
        ask = b"POST /explain HTTP/1.1\r\nContent-Length: %d\r\nHost: [::1]\r\n\r\n" % len(head)
        shown = [answer, _knock(running, ask, head)]
        pages = ("/livez", "/readyz", "/stats", "/metrics", "/config", "/nothing")
        shown.extend(running.ask_admin(page)[1] for page in pages)
        eventually(lambda: log.exists() and log.stat().st_size > 0)
        shown.append(log.read_bytes())
        running.process.terminate()
        running.process.wait(15)
        assert running.process.stderr is not None
        shown.append(running.process.stderr.read())
    text = b"\n".join(shown).decode()
    assert "CN=" in text
    assert [secret for secret in secrets if secret in text] == []


def test_a_door_with_a_password_in_it_is_refused_without_saying_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "--console", "wss://me:s3cret@127.0.0.1:1", *_MEMBER],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "has no user and no password" in done.stderr
    assert "s3cret" not in done.stderr


_MEMBER = (
    *("--app", "a", "--unit", "u", "--group", "g", "--instance", "i", "--state-dir", "state"),
    *("--inbound", "127.0.0.1:1", "--app-address", "127.0.0.1:2", "--outbound", "127.0.0.1:3"),
)
