"""`manage.py demo`: the whole mesh on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from meshconsole.demo.ports import NoFreePort
from meshconsole.demo.run import Demo, Options
from meshconsole.demo.state import AlreadyRunning, State
from meshconsole.demo.supervisor import NotReady


class Command(BaseCommand):
    """Start everything, print how to get in, stop everything."""

    help = "Run a console, discovery, healer and a sample mesh under load on this machine."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the console (8000)")
        parser.add_argument("--seconds", type=float, help="stop by itself after that long")
        parser.add_argument("--password", help="of the user sre; a random one otherwise")
        parser.add_argument(
            "--bare", action="store_true", help="no sample mesh: for sidecars of your own"
        )
        parser.add_argument(
            "--front",
            action="append",
            default=[],
            metavar="INSTANCE",
            help="callers reach it through a box that can be told to let no TLS through",
        )
        parser.add_argument("--rate", type=float, default=60.0, help="requests per second (60)")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Options(
            port=options["port"],
            seconds=options["seconds"],
            password=options["password"],
            rate=options["rate"],
            fronted=tuple(options["front"]),
            bare=options["bare"],
        )
        state = State(settings.STATE_DIR)
        try:
            state.open()
            asyncio.run(self._run(chosen, state))
        except (AlreadyRunning, NotReady, NoFreePort) as problem:
            raise CommandError(str(problem)) from problem
        finally:
            state.close()

    async def _run(self, options: Options, state: State) -> None:
        await Demo(options, state, self._say).run()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
