"""The command line of a proxy, read into settings; a wrong one is answered with what to do."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn, get_args

from proxy.contract.identity import InvalidIdentity, check_name
from proxy.settings import (
    WORKERS_LIMIT,
    HostPort,
    InvalidSettings,
    MeshSettings,
    Settings,
    Spoken,
    StandaloneSettings,
    TlsFiles,
    UpstreamProtocol,
    host_port,
    is_loopback,
)
from proxy.tcp.flags import add_flags, tcp_settings


def parse(argv: list[str]) -> Settings:
    """Read a command line; a wrong one ends the process with a sentence and status 2."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        return _mesh(given) if given.console else _standalone(given)
    except (InvalidSettings, InvalidIdentity) as error:
        parser.error(str(error))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"proxy: {message}\nRun `python -m proxy --help` for every flag.\n")
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m proxy",
        description="The data plane of meshconsole: a stand-alone proxy, or a mesh's sidecar.",
        epilog="`python -m proxy explain --help` asks a running one what it does with a request.",
        allow_abbrev=False,
    )
    alone = parser.add_argument_group("stand-alone")
    alone.add_argument("--listen", metavar="H:P", help="where callers connect")
    alone.add_argument("--upstream", metavar="H:P[,H:P]", help="where requests go, in turn")
    alone.add_argument(
        "--snapshot",
        metavar="FILE",
        type=Path,
        help="instead of --upstream: JSON with the services and routes to go by (Host names the "
        "service), read again at SIGHUP and POST /reload; a faulty file changes nothing",
    )
    alone.add_argument("--listen-tls", metavar="CERT,KEY,CA", help="mutual TLS towards callers")
    alone.add_argument("--upstream-tls", metavar="CERT,KEY,CA", help="mutual TLS to upstreams")
    alone.add_argument("--upstream-protocol", default="auto", choices=get_args(UpstreamProtocol))
    both = parser.add_argument_group("both")
    both.add_argument(
        "--protocol", default="auto", choices=get_args(Spoken), help="what callers speak"
    )
    both.add_argument("--admin", metavar="H:P", help="loopback only: /livez /stats /metrics ...")
    both.add_argument("--access-log", metavar="FILE", help="JSON lines; - is standard output")
    both.add_argument(
        "--handover",
        metavar="PATH",
        type=Path,
        help="a Unix socket: take the listening sockets over from the process that waits there, "
        "then wait for the next; SIGUSR2 and POST /upgrade start it",
    )
    both.add_argument(
        "--workers",
        metavar="N",
        type=int,
        default=1,
        help="processes that carry traffic, one core each; limits are per worker",
    )
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
    add_flags(parser)
    return parser


def _standalone(given: argparse.Namespace) -> StandaloneSettings:
    _need(given, "listen", why="a stand-alone proxy needs it (or give --console)")
    if not given.upstream and not given.snapshot:
        raise InvalidSettings("Give --upstream or --snapshot: a stand-alone proxy needs one.")
    if given.upstream and given.snapshot:
        raise InvalidSettings("--upstream and --snapshot both say where requests go: give one.")
    _check_framed(given.protocol, given.upstream_protocol)
    tcp = tcp_settings(given)
    if tcp.intercept_inbound:
        raise InvalidSettings("--intercept-inbound is for a sidecar: it needs --app-address.")
    if not given.snapshot and (tcp.doors or tcp.intercept):
        raise InvalidSettings(
            "--tcp and --intercept go by a snapshot: give --snapshot, or --console."
        )
    if given.snapshot and given.protocol == "tcp":
        raise InvalidSettings(
            "--protocol tcp needs --upstream: a snapshot's applications are told apart by Host. "
            "Give each its own port with --tcp NAME=HOST:PORT."
        )
    return StandaloneSettings(
        listen=host_port(given.listen),
        upstream=tuple(host_port(part) for part in _list(given.upstream or "")),
        snapshot=given.snapshot,
        listen_tls=_tls_files("--listen-tls", given.listen_tls),
        upstream_tls=_tls_files("--upstream-tls", given.upstream_tls),
        protocol=given.protocol,
        tcp=tcp,
        upstream_protocol=given.upstream_protocol,
        admin=_admin(given.admin),
        access_log=given.access_log,
        handover=given.handover,
        workers=_workers(given.workers),
    )


def _mesh(given: argparse.Namespace) -> MeshSettings:
    names = ("app", "unit", "group", "instance")
    _need(
        given, *names, "inbound", "app_address", "outbound", "state_dir",
        why="a sidecar of a mesh needs it",
    )  # fmt: skip
    if given.listen or given.upstream or given.snapshot or given.listen_tls or given.upstream_tls:
        raise InvalidSettings(
            "--listen, --upstream and --snapshot are for a stand-alone proxy: "
            "leave them out with --console."
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
        protocol=given.protocol,
        tcp=tcp_settings(given),
        interfaces=tuple(given.interface),
        access_log=given.access_log,
        handover=given.handover,
        workers=_workers(given.workers),
    )


def _check_framed(spoken: str, sent: str) -> None:
    if "bolt" in (spoken, sent) and spoken != sent and "auto" not in (spoken, sent):
        raise InvalidSettings(
            f"--protocol {spoken} cannot go on as --upstream-protocol {sent}: SOFABolt is turned "
            "into no other protocol. Leave one of the two out."
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
        if "@" in url:
            raise InvalidSettings(
                f"A door of {flag} has no user and no password: a certificate says who calls."
            )
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


def _workers(wanted: int) -> int:
    if not 1 <= wanted <= WORKERS_LIMIT:
        raise InvalidSettings(
            f"--workers {wanted} is not from 1 to {WORKERS_LIMIT}: one per core is the most that "
            "is of use."
        )
    return wanted


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
