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
from meshconsole.demo.service.instance import Instance


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="meshconsole.demo.service", description=__doc__)
    parser.add_argument("--app", choices=sorted(APPS), required=True)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--outbound", required=True, metavar="HOST:PORT", help="own sidecar")
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(parser.parse_args()))


async def _serve(args: argparse.Namespace) -> None:
    host, _, port = args.outbound.rpartition(":")
    instance = Instance(args.app, args.instance, Client(host, int(port)))
    host, _, port = args.listen.rpartition(":")
    server = await serve(instance.handle, host, int(port))
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with server:
        await stop.wait()


if __name__ == "__main__":
    main()
