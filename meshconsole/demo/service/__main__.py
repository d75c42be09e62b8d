"""Run one instance of a sample application: `python -m meshconsole.demo.service --app order`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal

import uvloop

from meshconsole.demo.http_client import Client
from meshconsole.demo.http_server import serve
from meshconsole.demo.service.apps import APPS
from meshconsole.demo.service.front import front
from meshconsole.demo.service.instance import Instance


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="meshconsole.demo.service", description=__doc__)
    parser.add_argument("--app", choices=sorted(APPS), required=True)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--outbound", required=True, metavar="HOST:PORT", help="own sidecar")
    parser.add_argument(
        "--front",
        nargs=2,
        metavar=("HOST:PORT", "HOST:PORT"),
        help="a box on the network: where it listens, and where it hands on to",
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(parser.parse_args()))


async def _serve(args: argparse.Namespace) -> None:
    instance = Instance(args.app, args.instance, Client(*_address(args.outbound)))
    server = await serve(instance.handle, *_address(args.listen))
    if args.front:
        await front(instance.faults, *map(_address, args.front))
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with server:
        await stop.wait()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    main()
