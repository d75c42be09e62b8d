"""A process that is told to stop leaves in order, and at once when it is told again."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.harness.wait import eventually
from tests.integration.proxy.processes import Origin, alone, origin_server


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A server that remembers what it saw."""
    with origin_server() as made:
        yield made


def test_the_service_manager_hears_ready_and_stopping(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(place))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place))
        manager.settimeout(15)
        with alone("--upstream", origin.address) as running:
            words = manager.recv(200).decode().split("\n")
            assert words == ["READY=1", f"MAINPID={running.process.pid}"]
            running.process.send_signal(signal.SIGTERM)
            assert manager.recv(200) == b"STOPPING=1"
            assert running.process.wait(20) == 0


def test_while_it_drains_it_is_not_ready_and_says_so_on_kept_connections(origin: Origin) -> None:
    with alone("--upstream", origin.address) as running:
        origin.gate.clear()
        with closing(HTTPConnection("127.0.0.1", running.port, timeout=10)) as busy:
            busy.request("GET", "/busy")
            eventually(lambda: "/busy" in origin.seen)
            running.process.send_signal(signal.SIGTERM)
            eventually(lambda: running.ask_admin("/readyz")[0] == 503)
            assert running.ask_admin("/livez")[0] == 200
            origin.gate.set()
            answer = busy.getresponse()
            assert answer.read() == b"/busy"
            assert answer.headers["Connection"] == "close"
        assert running.process.wait(20) == 0


def test_told_a_second_time_it_ends_at_once_and_says_that_it_cut(origin: Origin) -> None:
    with alone("--upstream", origin.address) as running:
        origin.gate.clear()
        with closing(HTTPConnection("127.0.0.1", running.port, timeout=10)) as busy:
            busy.request("GET", "/busy")
            eventually(lambda: "/busy" in origin.seen)
            running.process.send_signal(signal.SIGTERM)
            eventually(lambda: running.ask_admin("/readyz")[0] == 503)
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(5) == 1
            with pytest.raises(ConnectionError):
                busy.getresponse()
        origin.gate.set()


def test_who_waits_to_be_accepted_when_it_stops_is_served(origin: Origin) -> None:
    with alone("--upstream", origin.address) as running:
        running.process.send_signal(signal.SIGSTOP)
        waiting = [HTTPConnection("127.0.0.1", running.port, timeout=15) for _ in range(20)]
        for at, one in enumerate(waiting):
            one.request("GET", f"/{at}")
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGCONT)
        assert [one.getresponse().read() for one in waiting] == [
            f"/{at}".encode() for at in range(20)
        ]
        for one in waiting:
            one.close()
        assert running.process.wait(20) == 0
