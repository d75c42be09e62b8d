"""`python -m proxy` without a console, as a user starts it."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

import pytest

from tests.harness.wait import eventually
from tests.integration.proxy.pki import Pki, pki
from tests.integration.proxy.processes import Origin, alone, listens, origin_server

__all__ = ["pki"]


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A server that remembers what it saw."""
    with origin_server() as made:
        yield made


def _refused(*flags: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "proxy", *flags], capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stderr


def test_requests_go_to_the_upstreams_in_turn(origin: Origin) -> None:
    with (
        origin_server() as other,
        alone("--upstream", f"{origin.address},{other.address}") as running,
    ):
        for turn in range(6):
            assert running.get(f"/{turn}") == (200, f"/{turn}".encode())
        assert len(origin.seen) == len(other.seen) == 3


def test_the_admin_door_shows_what_happens(origin: Origin) -> None:
    with alone("--upstream", origin.address) as running:
        running.get("/a")
        assert running.ask_admin("/livez")[0] == 200
        assert running.ask_admin("/readyz")[0] == 200
        stats = json.loads(running.ask_admin("/stats")[1])
        assert stats["listeners"]["listen"]["endpoints"][0]["answered"] == 1
        metrics = running.ask_admin("/metrics")[1].decode()
        assert re.search(r'meshproxy_requests_total\{.*response_code="2xx"\} 1\n', metrics)
        assert "/a" not in metrics
        assert json.loads(running.ask_admin("/config")[1])["revision"] == 0
        assert running.ask_admin("/nothing")[0] == 404
        assert running.ask_admin("/livez", "POST")[0] == 405
        assert running.ask_admin("/drain")[0] == 405
        assert running.ask_admin("/drain", "POST")[0] == 202
        assert running.process.wait(15) == 0


def test_the_access_log_has_a_line_per_request(origin: Origin, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with alone("--upstream", origin.address, "--access-log", str(log)) as running:
        running.get("/a?b=c")
        eventually(lambda: log.exists() and log.read_bytes().count(b"\n") == 1)
    (line,) = (json.loads(text) for text in log.read_text().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["start_time"])
    assert line["method"] == "GET"
    assert line["path"] == "/a?b=c"
    assert line["protocol"] == "HTTP/1.1"
    assert line["response_code"] == 200
    assert line["response_flags"] == "-"
    assert line["bytes_sent"] == len("/a?b=c")
    assert line["upstream_host"] == origin.address
    assert len(line["trace_id"]) == 32


def test_what_is_in_flight_when_it_is_told_to_stop_is_still_answered(origin: Origin) -> None:
    with alone("--upstream", origin.address) as running:
        origin.gate.clear()
        answers: list[tuple[int, bytes]] = []
        asking = [
            threading.Thread(target=lambda n=n: answers.append(running.get(f"/{n}")))
            for n in range(8)
        ]
        for thread in asking:
            thread.start()
        eventually(lambda: len(origin.seen) == 8)
        running.process.send_signal(signal.SIGTERM)
        eventually(lambda: not listens(running.port))
        assert running.process.poll() is None
        origin.gate.set()
        for thread in asking:
            thread.join(15)
        assert sorted(answers) == [(200, f"/{n}".encode()) for n in range(8)]
        assert running.process.wait(15) == 0


def test_stopping_under_load_loses_nothing_that_was_sent(origin: Origin) -> None:
    """A caller that is told `Connection: close` goes elsewhere; what it sent was answered."""
    done: list[str] = []
    lost: list[str] = []

    def load(worker: int, port: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        for turn in range(100_000):
            path = f"/{worker}-{turn}"
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError:
                return
            try:
                connection.request("POST", path, body=b"x")
                assert connection.getresponse().read() == path.encode()
            except (HTTPException, OSError):
                lost.append(path)
                return
            done.append(path)

    with alone("--upstream", origin.address) as running:
        workers = [threading.Thread(target=load, args=(n, running.port)) for n in range(4)]
        for thread in workers:
            thread.start()
        eventually(lambda: len(done) > 200)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(15) == 0
        for thread in workers:
            thread.join(15)
    assert lost == []
    assert sorted(origin.seen) == sorted(done)


def test_mutual_tls_towards_callers_and_upstreams(origin: Origin, pki: Pki) -> None:
    with (
        alone("--upstream", origin.address, "--listen-tls", pki.flag("one")) as inner,
        alone("--upstream", f"127.0.0.1:{inner.port}", "--upstream-tls", pki.flag("two")) as outer,
    ):
        for turn in range(3):
            assert outer.get(f"/{turn}") == (200, f"/{turn}".encode())
        assert b'reporter="source"' in outer.ask_admin("/metrics")[1]
        assert b'connection_security="mutual_tls"' in outer.ask_admin("/metrics")[1]
        inside = inner.ask_admin("/metrics")[1]
        assert b'reporter="destination"' in inside
        assert b'connection_security="mutual_tls"' in inside


def test_a_caller_without_certificate_and_an_upstream_of_another_authority_are_refused(
    origin: Origin, pki: Pki, tmp_path: Path
) -> None:
    stranger = Pki(tmp_path / "stranger")
    with alone("--upstream", origin.address, "--listen-tls", pki.flag("one")) as inner:
        context = ssl.create_default_context(cafile=str(pki.ca))
        context.check_hostname = False
        _is_turned_away(inner.port, context)
        old = ssl.create_default_context(cafile=str(pki.ca))
        old.check_hostname = False
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        _is_turned_away(inner.port, old)
        flags = ("--upstream", f"127.0.0.1:{inner.port}", "--upstream-tls", stranger.flag("two"))
        with alone(*flags) as outer:
            status, body = outer.get("/")
            assert status == 503
            assert b"TLS" in body
    assert origin.seen == []


def _is_turned_away(port: int, context: ssl.SSLContext) -> None:
    with closing(HTTPSConnection("127.0.0.1", port, context=context, timeout=10)) as caller:
        try:
            caller.request("GET", "/")
            caller.getresponse()
        except (OSError, HTTPException):
            return
    raise AssertionError("A caller without a certificate of the authority was served.")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ((), "Give --listen"),
        (("--listen", "127.0.0.1:1"), "Give --upstream or --snapshot"),
        (
            ("--listen", "127.0.0.1:1", "--upstream", "127.0.0.1:1", "--snapshot", "f"),
            "both say where requests go",
        ),
        (("--listen", "nowhere", "--upstream", "127.0.0.1:1"), "write HOST:PORT"),
        (("--listen", "127.0.0.1:99999", "--upstream", "127.0.0.1:1"), "write HOST:PORT"),
        (
            ("--listen", "127.0.0.1:1", "--upstream", "127.0.0.1:1", "--protocol", "http3"),
            "invalid choice: 'http3'",
        ),
        (
            ("--listen", "127.0.0.1:1", "--upstream", "127.0.0.1:1", "--admin", "0.0.0.0:1"),
            "use a loopback address",
        ),
        (
            ("--listen", "127.0.0.1:1", "--upstream", "127.0.0.1:1", "--listen-tls", "a,b"),
            "CERT,KEY,CA",
        ),
        (
            ("--listen", "127.0.0.1:1", "--upstream", "127.0.0.1:1", "--listen-tls", "a,b,c"),
            "there is no file 'a'",
        ),
        (("--console", "wss://127.0.0.1:1"), "Give --app"),
    ],
)
def test_a_wrong_command_line_is_answered_with_what_to_do(
    flags: tuple[str, ...], says: str
) -> None:
    status, text = _refused(*flags)
    assert status == 2
    assert says in text
    assert "Traceback" not in text


def test_a_port_that_is_taken_is_said(origin: Origin) -> None:
    status, text = _refused("--listen", origin.address, "--upstream", "127.0.0.1:1")
    assert status == 1
    assert f"{origin.address} is taken already" in text
    assert "Traceback" not in text


def test_a_broken_certificate_is_said(tmp_path: Path, origin: Origin) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("not a certificate")
    flag = f"{broken},{broken},{broken}"
    status, text = _refused(
        "--listen", "127.0.0.1:0", "--upstream", origin.address, "--listen-tls", flag
    )
    assert status == 1
    assert "All three are PEM" in text


def test_it_stays_small_when_idle(origin: Origin) -> None:
    with alone("--upstream", origin.address) as running:
        running.get("/")
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found
        assert int(found[1]) <= 45 * 1024
        maps = Path(f"/proc/{running.process.pid}/maps").read_text()
        assert "cryptography" not in maps
