"""Servers that take notices in tests: an HTTP(S) one, a mail server, and one that speaks slowly."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Received:
    """One request as it came."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path, self.headers, self.body = path, headers, body


class Receiver:
    """What arrived, and what is answered from now on."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.status = 200
        self.location = ""
        self.body = b"ok"
        self.port = 0


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """An HTTP server on a free port of loopback, with TLS when it is given a context."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            kept.requests.append(
                Received(self.path, dict(self.headers.items()), self.rfile.read(length))
            )
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            self.send_header("Content-Length", str(len(kept.body)))
            self.end_headers()
            self.wfile.write(kept.body)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A caller that hangs up early is what some tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    kept.port = server.server_address[1]
    with _running(server):
        yield kept


@contextmanager
def dripping(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that sends a byte of an endless head every 50 ms; yields its port."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                spoken = self.request
                if tls is not None:
                    spoken = tls.wrap_socket(self.request, server_side=True)
                with spoken:
                    spoken.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not over.wait(0.05):
                        spoken.sendall(b"x")
            except OSError:
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    with _running(server):
        try:
            yield server.server_address[1]
        finally:
            over.set()


class Mailbox:
    """Mails that arrived, and how the server behaves."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.logins: list[str] = []
        self.was_encrypted: list[bool] = []
        self.answers: dict[str, str] = {}
        """What is answered to a verb instead of yes, such as `RCPT`: `550 no`."""
        self.port = 0


@contextmanager
def silent() -> Iterator[int]:
    """A port where somebody listens and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """An SMTP server on loopback that offers STARTTLS when it is given a context."""
    box = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                _converse(self, box, tls)
            except OSError:
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A caller that does not trust the certificate hangs up."""

    server = Server(("127.0.0.1", 0), Handler)
    box.port = server.server_address[1]
    with _running(server):
        yield box


def _converse(
    handler: socketserver.StreamRequestHandler, box: Mailbox, tls: ssl.SSLContext | None
) -> None:
    handler.wfile.write(b"220 mail.test\r\n")
    if _talk(handler.rfile, handler.wfile, box, is_tls=tls is not None, is_encrypted=False):
        assert tls is not None
        with (
            tls.wrap_socket(handler.connection, server_side=True) as secure,
            secure.makefile("rb") as said,
            secure.makefile("wb", buffering=0) as answered,
        ):
            _talk(said, answered, box, is_tls=False, is_encrypted=True)


def _talk(said: Any, answered: Any, box: Mailbox, *, is_tls: bool, is_encrypted: bool) -> bool:
    """Answer until the end; True when encryption is to begin."""

    def say(text: str) -> None:
        answered.write(text.encode() + b"\r\n")

    while line := said.readline():
        verb = line.split(None, 1)[0].upper().decode() if line.split() else ""
        if verb in box.answers:
            say(box.answers[verb])
        elif verb == "EHLO":
            say("\r\n".join(_offers(is_tls=is_tls)))
        elif verb == "STARTTLS" and is_tls:
            say("220 go")
            return True
        elif verb == "AUTH":
            box.logins.append(line.decode().split()[-1])
            say("235 yes")
        elif verb == "DATA":
            say("354 go")
            box.mails.append(b"".join(iter(said.readline, b".\r\n")))
            box.was_encrypted.append(is_encrypted)
            say("250 taken")
        elif verb == "QUIT":
            say("221 bye")
            return False
        else:
            say("250 yes")
    return False


def _offers(*, is_tls: bool) -> list[str]:
    return ["250-mail.test", *(["250-STARTTLS"] if is_tls else []), "250 AUTH PLAIN"]


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def a_certificate(folder: Path, name: str = "hooks.test") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for a name, and a client's that trusts it and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cafile=str(path))
    return server, client


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
