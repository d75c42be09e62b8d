"""`python -m proxy.sds`: join the mesh for a proxy that is not ours, and serve it its secrets."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import NoReturn

from proxy.agent import Agent
from proxy.aio import spawn
from proxy.contract.identity import InvalidIdentity, check_name
from proxy.current import Current
from proxy.encryption.holder import Holder
from proxy.healing.detector import Detector
from proxy.sds.secrets import secrets_of
from proxy.settings import InvalidSettings, MeshSettings, host_port
from proxy.windows import Windows

NOT_INSTALLED = (
    "The secret discovery service needs the extra `xds` in an environment of its own: "
    "make xds, then .venv-xds/bin/python -m proxy.sds ..."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"sds: {message}\nRun `python -m proxy.sds --help` for every flag.\n")
        raise SystemExit(2)


def parse(argv: list[str]) -> tuple[MeshSettings, Path]:
    """The membership and the place of the socket; a wrong line ends the process with status 2."""
    parser = _Parser(
        prog="python -m proxy.sds",
        description="Certificates of the mesh for Envoy and others: SDS v3 over a Unix socket.",
        epilog="Secrets: `default` (certificate and key) and `ROOTCA` (whom to trust).",
        allow_abbrev=False,
    )
    need = parser.add_argument
    need("--console", metavar="wss://H:P[,...]", required=True, help="the discovery shards")
    need("--enrol", metavar="wss://H:P[,...]", required=True, help="the enrolment doors")
    need("--join-token-file", metavar="F", type=Path, required=True)
    for name in ("app", "unit", "group", "instance"):
        need(f"--{name}", metavar="NAME", required=True)
    need("--address", metavar="H:P", required=True, help="where callers reach the other proxy")
    need("--state-dir", metavar="D", type=Path, required=True)
    need("--socket", metavar="PATH", type=Path, required=True, help="where the proxy asks")
    given = parser.parse_args(argv)
    try:
        address = host_port(given.address)
        settings = MeshSettings(
            console=tuple(given.console.split(",")),
            enrol=tuple(given.enrol.split(",")),
            join_token_file=given.join_token_file,
            app=check_name(given.app),
            unit=check_name(given.unit),
            group=check_name(given.group),
            instance=check_name(given.instance),
            inbound=address,
            app_address=address,
            outbound=address,
            state_dir=given.state_dir,
        )
    except (InvalidSettings, InvalidIdentity) as error:
        parser.error(str(error))
    return settings, given.socket


async def run(settings: MeshSettings, place: Path) -> int:
    """Serve until SIGTERM or SIGINT."""
    from proxy.sds.service import GRACE_SECONDS, Shelf, opened

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    current, holder, shelf = Current(settings.unit, settings.instance), Holder(), Shelf()
    current.watch(lambda: holder.follow(current.snapshot))
    holder.watch(lambda: shelf.put(secrets_of(holder)))
    agent = Agent(settings, current, Windows(), Detector(), holder=holder)
    server = await opened(place, shelf)
    try:
        control = spawn(agent.run(), name="control")
        await stopped.wait()
        await agent.leave("The proxy's secret service was told to stop.")
        await server.stop(GRACE_SECONDS)
        await asyncio.wait({control}, timeout=GRACE_SECONDS)
    finally:
        _taken_away(place)
    return 0


def _taken_away(place: Path) -> None:
    place.unlink(missing_ok=True)


def main(argv: list[str]) -> int:
    """The exit status: 0 after a stop, 1 when it cannot serve, 2 for a wrong command line."""
    settings, place = parse(argv)
    try:
        import envoy.service.secret.v3  # noqa: F401
        import grpc  # noqa: F401
    except ImportError:
        sys.stderr.write(f"sds: {NOT_INSTALLED}\n")
        return 1
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    try:
        return asyncio.run(run(settings, place.resolve()))
    except InvalidSettings as error:
        sys.stderr.write(f"sds: {error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
