"""What a proxy is told: alone, or as a member of a mesh."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import msgspec

Spoken = Literal["auto", "http1", "http2", "bolt", "tcp"]
"""What callers of a listener speak."""
UpstreamProtocol = Literal["auto", "http1", "http2", "bolt"]
"""What the fixed upstreams of a stand-alone proxy speak."""


WORKERS_LIMIT = 32


class InvalidSettings(ValueError):
    """The command line cannot be followed; the sentence says what to change."""


class HostPort(msgspec.Struct, frozen=True):
    """Where to listen or to dial."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TlsFiles(msgspec.Struct, frozen=True):
    """PEM files of one side of mutual TLS."""

    cert: Path
    """Own certificate, with its chain."""
    key: Path
    """Its private key, unencrypted; never logged, never shown."""
    ca: Path
    """Whom to believe about the peer."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one peer may ask of this process; not flags, as nobody has needed other values."""

    connections: int = 8192
    """Open connections per listener; more are closed at once. The file limit is 20,000."""
    source_connections: int = 4096
    """Of those, from one address, where strangers call; the next is closed at once."""
    pool_connections: int = 1024
    """Open connections to one endpoint; Envoy's default."""
    pool_pending: int = 1024
    """Requests that wait for a connection to one endpoint; the next is answered 503, flag UO."""
    pool_requests: int = 4096
    """Requests in flight at one endpoint, over all its connections; the next is answered 503."""
    requests: int = 16384
    """Requests in flight in one listener; the next is answered 503, flag UO."""
    tunnel_seconds: float = 3600.0
    """A WebSocket, or a TCP session, without a byte either way."""
    head_seconds: float = 10.0
    """From the first byte of a head to its last, and for a TLS handshake."""
    idle_seconds: float = 75.0
    """A caller's connection between requests. Longer than any pool keeps one, so that the side that
    knows whether a request is about to start is the one that closes."""
    linger_seconds: float = 2.0
    """After a refusal, to read what the caller still sends so that it can read the answer."""
    drain_seconds: float = 10.0
    """From SIGTERM to the end, at most."""
    handover_seconds: float = 600.0
    """From a handover to the end of the old process, at most: streams may take their time."""


SERVER_FIRST = (
    21, 22, 23, 25, 110, 119, 143, 465, 587, 990, 993, 995, 1433, 3306, 4222, 5432, 5900, 6379,
    11211, 27017,
)  # fmt: skip
"""Ports whose servers speak first (FTP, SSH, SMTP, POP3, NNTP, IMAP, MySQL, NATS, VNC), or whose
callers' first bytes could be taken for another protocol's (Redis, memcached, MongoDB)."""


class TcpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is carried as TCP, and which connections are led here by the kernel."""

    doors: tuple[tuple[str, HostPort], ...] = ()
    """An application of the snapshot, and where to listen for sessions with it."""
    server_first: tuple[int, ...] = SERVER_FIRST
    """Connections to these ports are TCP at once: nobody waits for a first byte to tell."""
    intercept: tuple[HostPort, ...] = ()
    """Where the kernel leads the application's own calls, wherever they were going: one place for
    IPv4, one for IPv6."""
    intercept_inbound: tuple[HostPort, ...] = ()
    """Where the kernel leads calls to the application, whichever of its ports they are for."""
    intercept_unknown: Literal["pass", "refuse"] = "pass"
    """An intercepted call to an address that belongs to no application of the snapshot."""


class StandaloneSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy without a console: one listener, and fixed upstreams or a file that says them."""

    listen: HostPort
    """Where callers connect."""
    upstream: tuple[HostPort, ...] = ()
    """Where requests go, in turn; empty with `snapshot`."""
    snapshot: Path | None = None
    """Services and routes as a console would say them; requests go by their Host."""
    listen_tls: TlsFiles | None = None
    """Callers must show a certificate of this authority; None is plaintext."""
    upstream_tls: TlsFiles | None = None
    """Upstreams must show a certificate of this authority; None is plaintext."""
    protocol: Spoken = "auto"
    """`auto` is told from a caller's first bytes."""
    tcp: TcpSettings = TcpSettings()
    """What is carried as TCP besides; what names an application needs a snapshot."""
    upstream_protocol: UpstreamProtocol = "auto"
    """What upstreams are spoken to with; `auto` is what the caller speaks."""
    admin: HostPort | None = None
    """Loopback only; None has no admin."""
    access_log: str | None = None
    """A file to append to, `-` for standard output; None writes none."""
    handover: Path | None = None
    """A Unix socket where this process takes over from the one before, and waits for the next."""
    workers: int = 1
    """Processes that carry traffic; 1 is this one alone. `limits` are each one's own."""
    limits: Limits = Limits()
    """What one peer may ask of this process."""


class MeshSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A sidecar: an inbound listener for callers, an outbound one for its own application."""

    console: tuple[str, ...]
    """`wss://host:port` of the discovery shards, any of which will do."""
    enrol: tuple[str, ...] = ()
    """`wss://host:port` of the enrolment doors; needed while there is no certificate."""
    join_token_file: Path | None = None
    """Holds the one-time join token; read when it is needed, so it may be renewed in place."""
    app: str
    """The application behind this sidecar."""
    unit: str
    """The unit it runs in."""
    group: str
    """The group of the application it belongs to."""
    instance: str
    """Unique in the mesh and stable over restarts."""
    inbound: HostPort
    """Where callers reach the application."""
    app_address: HostPort
    """Where the application itself listens, normally on loopback."""
    outbound: HostPort
    """Where the application sends its calls, with the callee's name as Host."""
    advertise: HostPort | None = None
    """What callers are told to dial if not `inbound` itself; needed when that is 0.0.0.0."""
    admin: HostPort | None = None
    """Loopback only; None has no admin."""
    state_dir: Path
    """The last snapshot and unsent reports, mode 0700; no key is ever written there."""
    protocol: Spoken = "auto"
    """What the application's callers speak; `auto` is told from their first bytes."""
    tcp: TcpSettings = TcpSettings()
    """What is carried as TCP besides."""
    interfaces: tuple[str, ...] = ()
    """Own interfaces, `METHOD /path/{variable}`; other requests are counted as `other`."""
    access_log: str | None = None
    """A file to append to, `-` for standard output; None writes none."""
    handover: Path | None = None
    """A Unix socket where this process takes over from the one before, and waits for the next."""
    workers: int = 1
    """Processes that carry traffic; 1 is this one alone. `limits` are each one's own."""
    limits: Limits = Limits()
    """What one peer may ask of this process."""

    @property
    def address(self) -> str:
        """The `host:port` that callers are told."""
        return str(self.advertise or self.inbound)


Settings = StandaloneSettings | MeshSettings


def host_port(text: str) -> HostPort:
    """Read `host:port` or `[v6]:port`; raises InvalidSettings."""
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) < 65536):
        raise InvalidSettings(
            f"{text!r} is not an address: write HOST:PORT, such as 127.0.0.1:8080."
        )
    return HostPort(host, int(port))


def is_loopback(host: str) -> bool:
    """Is this `localhost` or an address of loopback? Any other name could lead elsewhere."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
