"""Real processes around a proxy: itself, and a plain server that remembers what it saw."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.harness.wait import eventually


class Running:
    """A proxy process and where it listens."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, admin: int) -> None:
        self.process = process
        self.port = port
        self.admin = admin

    def get(
        self, path: str, *, port: int = 0, method: str = "GET", host: str = "upstream"
    ) -> tuple[int, bytes]:
        with closing(HTTPConnection("127.0.0.1", port or self.port, timeout=10)) as connection:
            connection.request(method, path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def ask_admin(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        return self.get(path, port=self.admin, method=method, host="localhost")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def alone(*flags: str) -> Iterator[Running]:
    """A stand-alone proxy with these flags, on free ports."""
    port, admin = free_port(), free_port()
    argv = [
        *(sys.executable, "-m", "proxy", "--listen", f"127.0.0.1:{port}"),
        *("--admin", f"127.0.0.1:{admin}", *flags),
    ]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE)
    try:
        eventually(lambda: listens(admin) or process.poll() is not None, timeout=15)
        assert process.poll() is None, process.stderr and process.stderr.read()
        yield Running(process, port, admin)
    finally:
        process.terminate()
        try:
            process.wait(15)
        finally:
            process.kill()
            if process.stderr:
                process.stderr.close()


class _Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[str]
    gate: threading.Event

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.gate.wait(10)
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet: a caller that left before its answer is no news."""


class Origin:
    """A plain HTTP server in a thread that remembers what it saw."""

    def __init__(self, port: int = 0) -> None:
        self.seen: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        handler = type("Handler", (_Origin,), {"seen": self.seen, "gate": self.gate})
        self.server = _Server(("127.0.0.1", port), handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def origin_server(port: int = 0) -> Iterator[Origin]:
    """An origin that serves while the block lasts."""
    made = Origin(port)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join(10)
