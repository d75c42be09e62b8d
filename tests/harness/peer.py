"""A small real HTTP server on loopback or a Unix socket that answers as a test tells it to."""

from __future__ import annotations

import os
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import msgspec


class Asked(msgspec.Struct, frozen=True):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class Said(msgspec.Struct, frozen=True):
    """One answer; a status of 0 hangs up without one."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}


Answer = Callable[[Asked], Said]


def said_json(status: int, document: object, **headers: str) -> Said:
    """An answer with a JSON body."""
    kinds = {"content-type": "application/json", **headers}
    return Said(status, msgspec.json.encode(document), kinds)


_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer: Answer

    def handle_method(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        asked = Asked(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        said = type(self).answer(asked)
        self.close_connection = True
        if said.status == 0:
            return
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        if said.status not in (204, 304):
            self.send_header("content-length", str(len(said.body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(said.body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def address_string(self) -> str:
        return "peer"


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the handshake is what a test wants."""

    allow_reuse_address = True


@contextmanager
def peer(
    answer: Answer, path: Path | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """It serves inside the block, at `path` or at the port that this gives."""
    doing = {f"do_{verb}": _Handler.handle_method for verb in _VERBS}
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer), **doing})
    server: _Unix | _Tcp
    server = _Unix(os.fspath(path), handler) if path else _Tcp(("127.0.0.1", 0), handler)
    port = server.socket.getsockname()[1] if isinstance(server, _Tcp) else 0
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    serving.start()
    try:
        yield port
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
