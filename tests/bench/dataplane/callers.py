"""Many idle callers, as a process of their own: each asks once, keeps its connection and waits.

`python -m tests.bench.dataplane.callers PORT COUNT [CA LEAF KEY]` says `ready` when all are there
and ends with its standard input.
"""

from __future__ import annotations

import resource
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshconsole.demo.ports import HOST
from tests.bench.dataplane.certificates import Certificates
from tests.bench.dataplane.contenders.ours import CALLED
from tests.bench.dataplane.machine import LOAD_CORE, pinned

REQUEST = f"GET /small HTTP/1.1\r\nHost: {CALLED}\r\nUser-Agent: bench/1.0\r\n\r\n".encode()
PATIENCE_SECONDS = 20


@contextmanager
def idle_callers(port: int, count: int, tls: Certificates | None) -> Iterator[None]:
    """So many callers that have asked once and wait; raises RuntimeError when one was refused."""
    argv = [sys.executable, "-m", "tests.bench.dataplane.callers", str(port), str(count)]
    if tls is not None:
        argv += [str(tls.ca), str(tls.leaf), str(tls.key)]
    process = subprocess.Popen(
        pinned(LOAD_CORE, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        said = process.stdout.readline() if process.stdout else ""
        if said.strip() != "ready":
            raise RuntimeError("the idle callers were not all answered")
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(PATIENCE_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def main(argv: list[str]) -> None:
    """Open, ask, wait."""
    port, count = int(argv[0]), int(argv[1])
    context = None
    if len(argv) > 2:
        ca, leaf, key = (Path(name) for name in argv[2:5])
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(leaf, key)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kept = [_asked(port, context) for _ in range(count)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    for caller in kept:
        caller.close()


def _asked(port: int, context: ssl.SSLContext | None) -> socket.socket:
    caller = socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS)
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is not None:
        caller = context.wrap_socket(caller, server_hostname="localhost")
    caller.sendall(REQUEST)
    if not caller.recv(65536).startswith(b"HTTP/1.1 200"):
        raise SystemExit("a caller was not answered with 200")
    return caller


if __name__ == "__main__":
    main(sys.argv[1:])
