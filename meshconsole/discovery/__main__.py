"""`python -m meshconsole.discovery`: the daemon that sidecars enrol at and are told by."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

import uvloop


def main(argv: list[str] | None = None) -> int:
    """Run one shard, or several under a supervisor."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings")
    import django

    django.setup()
    from django.conf import settings

    from meshconsole.discovery import daemon, supervisor

    options = _parser(settings).parse_args(argv)
    daemon.spare_memory()
    stop = asyncio.Event()

    async def run() -> bool:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if options.shards > 1:
            await supervisor.run(_child_arguments(options), options.shards, stop)
            return True
        return await daemon.run(
            host=options.host,
            port=options.port,
            enrol_port=options.enrol_port,
            supervised=options.supervised,
            stop=stop,
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        whole = runner.run(run())
    return 0 if whole else 1


def _parser(settings: object) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m meshconsole.discovery", description=__doc__)
    parser.add_argument("--host", default=getattr(settings, "MESH_DISCOVERY_HOST", ""))
    parser.add_argument("--port", type=int, default=getattr(settings, "MESH_DISCOVERY_PORT", 0))
    parser.add_argument("--enrol-port", type=int, default=getattr(settings, "MESH_ENROL_PORT", 0))
    parser.add_argument("--shards", type=int, default=1, help="processes that share the ports")
    parser.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)
    return parser


def _child_arguments(options: argparse.Namespace) -> list[str]:
    return [
        sys.executable, "-m", "meshconsole.discovery", "--supervised", "--host", options.host,
        "--port", str(options.port), "--enrol-port", str(options.enrol_port),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
