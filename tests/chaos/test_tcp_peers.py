"""TCP peers that die or freeze, as processes of their own: nothing is heaped up or hidden."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.harness.wait import eventually
from tests.integration.proxy.processes import Running, alone, free_port, listens

ECHO = """
import socket, sys, threading
def serve(caller):
    try:
        while data := caller.recv(65536):
            caller.sendall(data)
    except OSError:
        pass
    caller.close()
own = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(own.accept()[0],), daemon=True).start()
"""
MEGABYTE = 1024 * 1024
HEAP_LIMIT = 16 * MEGABYTE
"""Kernel buffers of four sockets and the proxy's own; far less than what is tried."""


@contextmanager
def echo(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that says everything again, as a process that can be killed."""
    process = subprocess.Popen([sys.executable, "-c", ECHO, str(port)])
    try:
        eventually(lambda: listens(port))
        yield process
    finally:
        process.kill()
        process.wait(10)


def dial(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=10)


def callers(running: Running) -> int:
    stats = json.loads(running.ask_admin("/stats")[1])
    return int(stats["listeners"]["listen"]["callers"])


def exchange(caller: socket.socket, word: bytes) -> bytes:
    caller.sendall(word)
    return caller.recv(100)


def test_an_endpoint_that_is_killed_is_a_reset_for_each_of_its_callers() -> None:
    first, second = free_port(), free_port()
    places = f"127.0.0.1:{first},127.0.0.1:{second}"
    with (
        echo(first) as doomed,
        echo(second),
        alone("--upstream", places, "--protocol", "tcp") as running,
    ):
        open_ones = [dial(running) for _ in range(8)]
        for caller in open_ones:
            assert exchange(caller, b"hello") == b"hello"
        doomed.kill()
        doomed.wait(10)
        ended = 0
        for caller in open_ones:
            with caller:
                try:
                    heard = exchange(caller, b"are you there")
                except (ConnectionResetError, BrokenPipeError):
                    heard = b""
                assert heard in (b"", b"are you there")
                ended += not heard
        assert ended == 4
        for _ in range(8):
            with dial(running) as caller:
                assert exchange(caller, b"again") == b"again"
        eventually(lambda: callers(running) == 0)


def test_an_endpoint_that_is_frozen_holds_its_caller_up_and_loses_nothing() -> None:
    port = free_port()
    with (
        echo(port) as frozen,
        alone("--upstream", f"127.0.0.1:{port}", "--protocol", "tcp") as running,
        dial(running) as caller,
    ):
        assert exchange(caller, b"hello") == b"hello"
        frozen.send_signal(signal.SIGSTOP)
        sent = 0
        caller.settimeout(1.0)
        with suppress(TimeoutError):
            while sent < 4 * HEAP_LIMIT:
                sent += caller.send(bytes(MEGABYTE))
        assert sent < HEAP_LIMIT
        with dial(running) as other:
            other.settimeout(0.2)
            with suppress(TimeoutError):
                exchange(other, b"me too")
        frozen.send_signal(signal.SIGCONT)
        caller.settimeout(10)
        heard = 0
        while heard < sent:
            heard += len(caller.recv(MEGABYTE))
        assert heard == sent


def test_a_proxy_that_is_killed_leaves_both_sides_with_an_end() -> None:
    port = free_port()
    with (
        echo(port),
        alone("--upstream", f"127.0.0.1:{port}", "--protocol", "tcp") as running,
        dial(running) as caller,
    ):
        assert exchange(caller, b"hello") == b"hello"
        running.process.kill()
        running.process.wait(10)
        with suppress(ConnectionResetError):
            assert caller.recv(1) == b""
