"""`python -m proxy.interception`: install, remove or show the rules, in this network namespace.

Needs iptables and CAP_NET_ADMIN, and is done before the sidecar starts, which needs neither.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from ipaddress import ip_network
from typing import NoReturn

from proxy.interception.rules import Wanted, install, of_ours, remove
from proxy.settings import InvalidSettings
from proxy.tcp.flags import ports

TOOLS = {4: "iptables", 6: "ip6tables"}
WAIT_SECONDS = 30.0
"""For the kernel's lock on the tables, and for the tool itself."""


class Failed(Exception):
    """The rules could not be read or changed; the sentence says why."""


def main(argv: list[str]) -> int:
    """The exit status: 0 when done, 1 when the kernel refused, 2 for a wrong command line."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        wanted = _wanted(given) if given.action == "install" else None
        for family in _families(given):
            _act(given.action, wanted, family, dry_run=given.dry_run)
    except InvalidSettings as error:
        parser.error(str(error))
    except Failed as error:
        sys.stderr.write(f"interception: {error}\n")
        return 1
    return 0


def _act(action: str, wanted: Wanted | None, family: int, *, dry_run: bool) -> None:
    tool = TOOLS[family]
    present = _run([f"{tool}-save", "-t", "nat"])
    if action == "show":
        for line in of_ours(present):
            sys.stdout.write(f"{tool} {line}\n")
        return
    text = install(wanted, family, present) if wanted else remove(present)
    if dry_run:
        sys.stdout.write(f"# {tool}-restore --noflush\n{text}")
    elif text:
        _run([f"{tool}-restore", "--noflush", "--wait", f"{WAIT_SECONDS:.0f}"], text)


def _run(argv: list[str], text: str | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no word of it is a caller's
            argv, input=text, capture_output=True, text=True, timeout=WAIT_SECONDS * 2, check=False
        )
    except FileNotFoundError:
        raise Failed(f"{argv[0]} is not installed: install iptables.") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"{argv[0]} did not end: does something else hold its lock?") from None
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise Failed(
            f"{argv[0]} says: {said}. It needs CAP_NET_ADMIN; "
            "where the kernel has no IPv6 NAT, say --family 4."
        )
    return done.stdout


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.stderr.write(
            f"interception: {message}\nRun `python -m proxy.interception --help` for every flag.\n"
        )
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m proxy.interception",
        description="Lead TCP connections of this network namespace to a sidecar, or stop it.",
        allow_abbrev=False,
    )
    parser.add_argument("action", choices=("install", "remove", "show"))
    parser.add_argument("--family", choices=("4", "6", "both"), default="both")
    parser.add_argument("--dry-run", action="store_true", help="print what would be restored")
    parser.add_argument("--outbound-port", metavar="PORT", help="where --intercept listens")
    parser.add_argument("--inbound-port", metavar="PORT", help="where --intercept-inbound listens")
    parser.add_argument("--uid", type=int, help="the sidecar's user: its own calls are not led")
    parser.add_argument("--gid", type=int, help="the sidecar's group, likewise")
    parser.add_argument("--mark", type=lambda text: int(text, 0), help="a packet mark, likewise")
    parser.add_argument("--exclude-ports", metavar="PORTS", default="", help="dialled directly")
    parser.add_argument("--exclude-cidrs", metavar="NETS", default="", help="dialled directly")
    parser.add_argument(
        "--inbound-ports", metavar="PORTS", default="", help="those that are led; default all"
    )
    parser.add_argument(
        "--exclude-inbound-ports", metavar="PORTS", default="", help="reached directly"
    )
    return parser


def _families(given: argparse.Namespace) -> tuple[int, ...]:
    return (4, 6) if given.family == "both" else (int(given.family),)


def _wanted(given: argparse.Namespace) -> Wanted:
    if not given.outbound_port:
        raise InvalidSettings("Give --outbound-port: the port of the sidecar's --intercept.")
    if given.uid is None and given.gid is None and given.mark is None:
        raise InvalidSettings(
            "Give --uid, --gid or --mark: without one the sidecar's own calls come back to it."
        )
    return Wanted(
        outbound_port=_port(given.outbound_port),
        inbound_port=_port(given.inbound_port) if given.inbound_port else None,
        uid=given.uid,
        gid=given.gid,
        mark=given.mark,
        exclude_ports=ports(given.exclude_ports),
        exclude_cidrs=tuple(_network(part) for part in given.exclude_cidrs.split(",") if part),
        inbound_ports=ports(given.inbound_ports),
        exclude_inbound_ports=ports(given.exclude_inbound_ports),
    )


def _port(text: str) -> int:
    found = ports(text)
    if len(found) != 1:
        raise InvalidSettings(f"{text!r} is not one port.")
    return found[0]


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        raise InvalidSettings(f"{text!r} is not a network: write one such as 10.0.0.0/8.") from None


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
