"""TCP through proxy processes: flags, a line in the log, TLS on the way, doors to applications."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from tests.harness.wait import eventually
from tests.integration.proxy.pki import Pki, pki
from tests.integration.proxy.processes import Running, alone, free_port

__all__ = ["pki"]
PATIENCE_SECONDS = 10.0


@contextmanager
def greeter(name: str, port: int = 0) -> Iterator[str]:
    """A server that says its name at once, then everything it hears; gives its address."""
    with socket.create_server(("127.0.0.1", port)) as own:
        thread = threading.Thread(target=_greet, args=(own, name.encode()), daemon=True)
        thread.start()
        yield f"127.0.0.1:{own.getsockname()[1]}"
        own.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE_SECONDS)


def _greet(own: socket.socket, name: bytes) -> None:
    while True:
        try:
            caller, _ = own.accept()
        except OSError:
            return
        threading.Thread(target=_speak, args=(caller, name), daemon=True).start()


def _speak(caller: socket.socket, name: bytes) -> None:
    with caller:
        try:
            caller.sendall(name + b"\n")
            while data := caller.recv(65536):
                caller.sendall(data)
        except OSError:
            return


def visit(port: int, said: bytes = b"hello") -> tuple[bytes, bytes]:
    """The server's name, and what it says after this was said."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as caller:
        lines = caller.makefile("rb")
        name = lines.readline().strip()
        caller.sendall(said)
        heard = lines.read(len(said))
        return name, heard


def session_lines(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_a_session_has_a_line_in_the_access_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    flags = ("--protocol", "tcp", "--access-log", str(log))
    with greeter("one") as address, alone("--upstream", address, *flags) as running:
        assert visit(running.port) == (b"one", b"hello")
        eventually(lambda: session_lines(log))
    (line,) = session_lines(log)
    assert (line["protocol"], line["response_flags"], line["method"]) == ("tcp", "-", None)
    assert (line["bytes_received"], line["bytes_sent"]) == (5, 9)
    assert (line["upstream_host"], line["upstream_cluster"]) == (address, "upstream")
    assert line["upstream_request_attempt_count"] == 1
    assert line["connect_duration"] is not None


def test_a_session_nobody_takes_has_a_line_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    flags = ("--protocol", "tcp", "--access-log", str(log))
    with alone("--upstream", f"127.0.0.1:{free_port()}", *flags) as running:
        with (
            socket.create_connection(("127.0.0.1", running.port), PATIENCE_SECONDS) as caller,
            pytest.raises(ConnectionResetError),
        ):
            caller.recv(1)
        (line,) = eventually(lambda: session_lines(log))
    assert (line["response_flags"], line["connect_duration"]) == ("UF", None)


def test_a_port_that_is_declared_needs_no_first_byte() -> None:
    with greeter("mail") as address:
        port = address.rpartition(":")[2]
        with alone("--upstream", address, "--server-first", port) as running:
            assert visit(running.port) == (b"mail", b"hello")


def test_tls_that_passes_unopened_is_told_from_http_and_its_name_is_logged(
    tmp_path: Path, pki: Pki
) -> None:
    log = tmp_path / "log"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with greeter("not tls") as address, alone("--upstream", address, "--access-log", str(log)) as r:
        with (
            socket.create_connection(("127.0.0.1", r.port), PATIENCE_SECONDS) as caller,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(caller, server_hostname="shop.example")
        (line,) = eventually(lambda: session_lines(log))
    assert line["requested_server_name"] == "shop.example"


def test_a_session_goes_through_mutual_tls_between_two_proxies(tmp_path: Path, pki: Pki) -> None:
    with (
        greeter("behind") as address,
        alone("--upstream", address, "--listen-tls", pki.flag("in"), "--protocol", "tcp") as near,
        alone(
            *("--upstream", f"127.0.0.1:{near.port}", "--upstream-tls", pki.flag("out")),
            *("--protocol", "tcp"),
        ) as far,
    ):
        much = bytes(range(256)) * 8192
        for said in (b"x", much):
            assert visit_at_once(far, said) == said


def visit_at_once(running: Running, said: bytes) -> bytes:
    """What comes back while it is being said, after the greeting."""
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE_SECONDS) as caller:
        lines = caller.makefile("rb")
        assert lines.readline() == b"behind\n"
        saying = threading.Thread(target=caller.sendall, args=(said,))
        saying.start()
        heard = lines.read(len(said))
        saying.join(PATIENCE_SECONDS)
        return heard


def test_an_application_is_reached_by_its_own_door_and_by_its_rules(tmp_path: Path) -> None:
    door = free_port()
    with greeter("old") as old, greeter("new") as new, greeter("newer") as newer:
        endpoints = [("a", old), ("b", new), ("b", newer)]
        service = Service(
            name="db",
            groups=("a", "b"),
            endpoints=tuple(
                Endpoint(id=addr, addr=addr, group=group, unit="u1") for group, addr in endpoints
            ),
        )
        rule = Rule(id="r", split=(Share(group="b", percent=100.0),))
        file = tmp_path / "snapshot.json"
        file.write_bytes(
            msgspec.json.encode(
                Snapshot(
                    service={"db": service},
                    route={"db": Route(name="db", version=1, rules=(rule,))},
                )
            )
        )
        with alone("--snapshot", str(file), "--tcp", f"db=127.0.0.1:{door}") as running:
            assert {visit(door)[0] for _ in range(6)} == {b"new", b"newer"}
            stats = json.loads(running.ask_admin("/stats")[1])
            assert stats["listeners"]["tcp db"]["accepted"] == 6
            assert {(e["app"], e["interface"], e["group"]) for e in stats["edges"]} == {
                ("db", "tcp", "b")
            }
