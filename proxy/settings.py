"""What a sidecar is told on its command line: alone, or as a member of a mesh."""

from __future__ import annotations

import argparse
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, NoReturn, get_args

import msgspec

from proxy.contract.identity import InvalidIdentity, check_name

Protocol = Literal["auto", "http1", "http2", "tcp"]
WORKING_PROTOCOLS = ("auto", "http1")


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
    pool_connections: int = 1024
    """Open connections to one endpoint; Envoy's default."""
    pool_pending: int = 1024
    """Requests that wait for a connection to one endpoint; the next is answered 503, flag UO."""
    head_seconds: float = 10.0
    """From the first byte of a head to its last, and for a TLS handshake."""
    idle_seconds: float = 75.0
    """A caller's connection between requests. Longer than any pool keeps one, so that the side that
    knows whether a request is about to start is the one that closes."""
    linger_seconds: float = 2.0
    """After a refusal, to read what the caller still sends so that it can read the answer."""
    drain_seconds: float = 10.0
    """From SIGTERM to the end, at most."""


class StandaloneSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy without a console: one listener, fixed upstreams."""

    listen: HostPort
    """Where callers connect."""
    upstream: tuple[HostPort, ...]
    """Where requests go, in turn."""
    listen_tls: TlsFiles | None = None
    """Callers must show a certificate of this authority; None is plaintext."""
    upstream_tls: TlsFiles | None = None
    """Upstreams must show a certificate of this authority; None is plaintext."""
    protocol: Protocol = "auto"
    """`auto` is HTTP/1.1 until the others arrive."""
    admin: HostPort | None = None
    """Loopback only; None has no admin."""
    access_log: str | None = None
    """A file to append to, `-` for standard output; None writes none."""
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
    interfaces: tuple[str, ...] = ()
    """Own interfaces, `METHOD /path/{variable}`; other requests are counted as `other`."""
    access_log: str | None = None
    """A file to append to, `-` for standard output; None writes none."""
    limits: Limits = Limits()
    """What one peer may ask of this process."""

    @property
    def address(self) -> str:
        """The `host:port` that callers are told."""
        return str(self.advertise or self.inbound)


Settings = StandaloneSettings | MeshSettings


def parse(argv: list[str]) -> Settings:
    """Read a command line; a wrong one ends the process with a sentence and status 2."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        return _mesh(given) if given.console else _standalone(given)
    except (InvalidSettings, InvalidIdentity) as error:
        parser.error(str(error))


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"proxy: {message}\nRun `python -m proxy --help` for every flag.\n")
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m proxy",
        description="The data plane of meshconsole: a stand-alone proxy, or a mesh's sidecar.",
        allow_abbrev=False,
    )
    alone = parser.add_argument_group("stand-alone")
    alone.add_argument("--listen", metavar="H:P", help="where callers connect")
    alone.add_argument("--upstream", metavar="H:P[,H:P]", help="where requests go, in turn")
    alone.add_argument("--listen-tls", metavar="CERT,KEY,CA", help="mutual TLS towards callers")
    alone.add_argument("--upstream-tls", metavar="CERT,KEY,CA", help="mutual TLS to upstreams")
    alone.add_argument("--protocol", default="auto", choices=get_args(Protocol))
    both = parser.add_argument_group("both")
    both.add_argument("--admin", metavar="H:P", help="loopback only: /livez /stats /metrics ...")
    both.add_argument("--access-log", metavar="FILE", help="JSON lines; - is standard output")
    mesh = parser.add_argument_group("sidecar of a mesh")
    mesh.add_argument("--console", metavar="wss://H:P[,...]", help="the discovery shards")
    mesh.add_argument("--enrol", metavar="wss://H:P[,...]", help="the enrolment doors")
    mesh.add_argument("--join-token-file", metavar="F", type=Path)
    for name in ("app", "unit", "group", "instance"):
        mesh.add_argument(f"--{name}", metavar="NAME")
    mesh.add_argument("--inbound", metavar="H:P", help="where callers reach the application")
    mesh.add_argument("--app-address", metavar="H:P", help="where the application listens")
    mesh.add_argument("--outbound", metavar="H:P", help="where the application sends its calls")
    mesh.add_argument("--advertise", metavar="H:P", help="what callers dial, if not --inbound")
    mesh.add_argument("--state-dir", metavar="D", type=Path)
    mesh.add_argument(
        "--interface",
        metavar="'GET /x/{y}'",
        action="append",
        default=[],
        help="one operation of the application; repeat for each",
    )
    return parser


def _standalone(given: argparse.Namespace) -> StandaloneSettings:
    _need(given, "listen", "upstream", why="a stand-alone proxy needs it (or give --console)")
    if given.protocol not in WORKING_PROTOCOLS:
        raise InvalidSettings(
            f"--protocol {given.protocol} is not served yet: "
            f"use {' or '.join(WORKING_PROTOCOLS)}, both of which serve HTTP/1.1."
        )
    return StandaloneSettings(
        listen=host_port(given.listen),
        upstream=tuple(host_port(part) for part in _list(given.upstream)),
        listen_tls=_tls_files("--listen-tls", given.listen_tls),
        upstream_tls=_tls_files("--upstream-tls", given.upstream_tls),
        protocol=given.protocol,
        admin=_admin(given.admin),
        access_log=given.access_log,
    )


def _mesh(given: argparse.Namespace) -> MeshSettings:
    names = ("app", "unit", "group", "instance")
    _need(
        given, *names, "inbound", "app_address", "outbound", "state_dir",
        why="a sidecar of a mesh needs it",
    )  # fmt: skip
    if given.listen or given.upstream or given.listen_tls or given.upstream_tls:
        raise InvalidSettings(
            "--listen and --upstream are for a stand-alone proxy: leave them out with --console."
        )
    for name in names:
        check_name(getattr(given, name))
    inbound = host_port(given.inbound)
    if inbound.host in ("0.0.0.0", "::") and not given.advertise:  # noqa: S104
        raise InvalidSettings(f"Callers cannot dial {inbound}: say what they can with --advertise.")
    return MeshSettings(
        console=_urls("--console", given.console),
        enrol=_urls("--enrol", given.enrol or ""),
        join_token_file=given.join_token_file,
        app=given.app,
        unit=given.unit,
        group=given.group,
        instance=given.instance,
        inbound=inbound,
        app_address=host_port(given.app_address),
        outbound=host_port(given.outbound),
        advertise=host_port(given.advertise) if given.advertise else None,
        admin=_admin(given.admin),
        state_dir=given.state_dir,
        interfaces=tuple(given.interface),
        access_log=given.access_log,
    )


def _need(given: argparse.Namespace, *names: str, why: str) -> None:
    for name in names:
        if not getattr(given, name):
            raise InvalidSettings(f"Give --{name.replace('_', '-')}: {why}.")


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _urls(flag: str, text: str) -> tuple[str, ...]:
    urls = tuple(_list(text))
    for url in urls:
        if not url.startswith("wss://"):
            raise InvalidSettings(f"{flag} {url!r} is not a door: write wss://HOST:PORT.")
    return urls


def _tls_files(flag: str, text: str | None) -> TlsFiles | None:
    if text is None:
        return None
    parts = _list(text)
    if len(parts) != 3:
        raise InvalidSettings(f"{flag} takes three PEM files: CERT,KEY,CA.")
    for part in parts:
        if not Path(part).is_file():
            raise InvalidSettings(f"{flag}: there is no file {part!r}.")
    cert, key, ca = (Path(part) for part in parts)
    return TlsFiles(cert, key, ca)


def _admin(text: str | None) -> HostPort | None:
    if text is None:
        return None
    admin = host_port(text)
    if not is_loopback(admin.host):
        raise InvalidSettings(
            f"--admin {admin} could be reached from outside: use a loopback address, "
            f"such as 127.0.0.1:{admin.port}."
        )
    return admin
