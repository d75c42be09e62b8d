"""Run the load generator: `python -m meshconsole.demo.load --entrance H:P --listen H:P`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import signal

import uvloop

from meshconsole.demo.http_client import Client
from meshconsole.demo.http_server import serve
from meshconsole.demo.load.generator import Generator
from meshconsole.demo.load.mix import Mix
from proxy.aio import cancelled, spawn


def main() -> None:
    """Read the command line and send until SIGTERM."""
    parser = argparse.ArgumentParser(prog="meshconsole.demo.load", description=__doc__)
    parser.add_argument("--entrance", action="append", required=True, metavar="HOST:PORT")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="for /_stats, /_rate")
    parser.add_argument("--rate", type=float, default=60.0, help="requests per second")
    parser.add_argument("--seed", type=int, default=1)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_run(parser.parse_args()))


async def _run(args: argparse.Namespace) -> None:
    entrances = [Client(*_address(each)) for each in args.entrance]
    run = f"load-{secrets.token_hex(3)}"
    generator = Generator(entrances, Mix(args.seed), args.rate, run)
    server = await serve(generator.handle, *_address(args.listen))
    sending = spawn(generator.loop(), name="load")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with server:
        await stop.wait()
        await cancelled(sending)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    main()
