"""What the healer sees of an address: a status, a closed door, silence, nonsense."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from healer.casework.probing import probe


@contextmanager
def answering(*parts: bytes) -> Iterator[str]:
    """A door that says these bytes to whoever comes, once, and then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            line, _ = door.accept()
            with line:
                line.settimeout(5)
                line.recv(4096)
                for part in parts:
                    line.sendall(part)
                if not parts:
                    line.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        thread.join(timeout=10)


@pytest.mark.parametrize(
    ("answer", "is_ok"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.0 404 Not Found\r\n", True),
        (b"HTTP/1.1 503 Unavailable\r\n", False),
        (b"HTTP/1.1 500\r\n", False),
        (b"SSH-2.0-OpenSSH\r\n", False),
        (b"HTTP/1.1 abc\r\n", False),
        (b"\r\n", False),
    ],
)
def test_a_status_below_500_is_well_and_anything_else_is_not(answer: bytes, is_ok: bool) -> None:
    with answering(answer) as address:
        assert probe(address).is_ok is is_ok


def test_a_line_that_comes_in_pieces_is_read_whole() -> None:
    with answering(b"HTTP/1.1 2", b"00 OK\r", b"\nhost: x\r\n") as address:
        assert probe(address).detail == "It answers 200."


def test_silence_ends_in_time() -> None:
    with answering() as address:
        seen = probe(address, seconds=0.1)
    assert (seen.is_ok, "does not answer" in seen.detail) == (False, True)


def test_a_connection_is_enough_where_no_request_is_to_be_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        assert probe(f"127.0.0.1:{door.getsockname()[1]}", with_request=False).is_ok


def test_a_closed_door_is_not_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
    assert "cannot be reached" in probe(address).detail


@pytest.mark.parametrize("address", ["", "host", "host:", ":80", "host:http", "host:99999999"])
def test_what_is_no_address_is_said_so_and_never_raises(address: str) -> None:
    assert probe(address, seconds=0.1).is_ok is False
