"""`python -m proxy`: read the command line, run until told to stop."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from typing import TYPE_CHECKING

import uvloop

from proxy.compiled import use_compiled
from proxy.settings import InvalidSettings

if TYPE_CHECKING:
    from proxy.settings import Settings

FILES_WANTED = 65536


def main(argv: list[str]) -> int:
    """The exit status: 0 after a drain, 1 when it cannot serve, 2 for a wrong command line."""
    if argv[:1] == ["explain"]:
        from proxy.asking import main as ask

        return ask(argv[1:])
    use_compiled()
    from proxy.commandline import parse

    settings = parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    _raise_file_limit()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(settings))
    except InvalidSettings as error:
        sys.stderr.write(f"proxy: {error}\n")
        return 1


def _raise_file_limit() -> None:
    """A connection is a file; the usual soft limit of 1024 is far below what is served here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _run(settings: Settings) -> int:
    from proxy.assembly import Process

    command = [sys.executable, *sys.orig_argv[1:]]
    return await Process(settings, command).run()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
