"""The flags about TCP and interception, and what they mean together."""

from __future__ import annotations

import argparse

from proxy.contract.identity import check_name
from proxy.settings import SERVER_FIRST, HostPort, InvalidSettings, TcpSettings, host_port


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add them to a command line."""
    flags = parser.add_argument_group("TCP and interception (a mesh, or --snapshot)")
    flags.add_argument(
        "--tcp",
        metavar="NAME=H:P",
        action="append",
        default=[],
        help="listen here for TCP sessions with this application of the snapshot; may be repeated",
    )
    flags.add_argument(
        "--server-first",
        metavar="PORT[,PORT]",
        help="ports that are TCP at once, as their servers speak first; empty for none, default "
        + ",".join(map(str, SERVER_FIRST)),
    )
    flags.add_argument(
        "--intercept",
        metavar="H:P[,H:P]",
        help="where the kernel leads the application's calls (see python -m proxy.interception)",
    )
    flags.add_argument(
        "--intercept-inbound", metavar="H:P[,H:P]", help="the same for calls to the application"
    )
    flags.add_argument(
        "--intercept-unknown",
        choices=("pass", "refuse"),
        default="pass",
        help="what to do with a call to an address of no known application",
    )


def tcp_settings(given: argparse.Namespace) -> TcpSettings:
    """What they say; raises InvalidSettings."""
    return TcpSettings(
        doors=tuple(_door(text) for text in given.tcp),
        server_first=SERVER_FIRST if given.server_first is None else ports(given.server_first),
        intercept=_places("--intercept", given.intercept),
        intercept_inbound=_places("--intercept-inbound", given.intercept_inbound),
        intercept_unknown=given.intercept_unknown,
    )


def ports(text: str) -> tuple[int, ...]:
    """Read `25,3306`; raises InvalidSettings."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if not (part.isascii() and part.isdigit() and 0 < int(part) < 65536):
            raise InvalidSettings(f"{part!r} is not a port: write numbers such as 25,3306.")
        found.append(int(part))
    return tuple(found)


def _places(flag: str, text: str | None) -> tuple[HostPort, ...]:
    places = tuple(host_port(part) for part in (text or "").split(",") if part.strip())
    if len({":" in place.host for place in places}) != len(places):
        raise InvalidSettings(
            f"{flag} {text!r}: give one place, or one of IPv4 and one of IPv6, such as "
            "0.0.0.0:15001,[::]:15001."
        )
    return places


def _door(text: str) -> tuple[str, HostPort]:
    name, is_there, place = text.partition("=")
    if not is_there:
        raise InvalidSettings(f"--tcp {text!r}: write NAME=HOST:PORT, such as db=127.0.0.1:5432.")
    check_name(name)
    return name, host_port(place)
