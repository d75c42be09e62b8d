"""`manage.py drill weights`: run a scenario, print its figures as one JSON line last."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from meshconsole.demo.launch import DemoFailed, launched
from meshconsole.drill.console import Refused
from meshconsole.drill.lines import PROTOCOLS
from meshconsole.drill.stage import Figures, Scale, Stage
from meshconsole.drill.table import DRILLS, Drill

PASSWORD_VARIABLE = "MESH_DEMO_PASSWORD"  # noqa: S105 - a variable's name


class Command(BaseCommand):
    """Start what a drill needs, or attach to the demo that runs, and drill it."""

    help = "Run a drill with real processes; exits non-zero when its figures fall short."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=[*DRILLS, "list"])
        parser.add_argument("--attach", action="store_true", help="to the demo that runs here")
        parser.add_argument("--password", help=f"of that demo (or {PASSWORD_VARIABLE})")
        parser.add_argument("--requests", type=int)
        parser.add_argument("--changes", type=int)
        parser.add_argument("--concurrency", type=int)
        parser.add_argument("--seeds", type=int, help="how many meshes are simulated")
        parser.add_argument("--rate", type=float, help="requests per second at most, 0: none")
        parser.add_argument(
            "--protocols", type=_protocols, metavar="h1,h2,bolt,tcp", help="what callers speak"
        )
        parser.add_argument("--workers", type=int, help="processes that carry traffic in a proxy")
        parser.add_argument(
            "--parts", type=_listed, metavar="A,B", help="only these, of a drill that has parts"
        )
        parser.add_argument(
            "--tls",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="callers with a certificate besides",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["name"] == "list":
            for name, drill in DRILLS.items():
                self._say(f"{name:12} {drill.about}")
            return
        drill = DRILLS[options["name"]]
        scale = _scaled(drill.scale, options)
        if not set(scale.parts) <= set(drill.parts):
            known = ", ".join(drill.parts) or "none"
            raise CommandError(f"The parts of this drill are: {known}.")
        self._say(f"Drill {options['name']}: {drill.about}.")
        try:
            figures = self._figures(drill, scale, options)
        except (DemoFailed, Refused) as problem:
            figures = Figures({}, [str(problem)])
        for shortcoming in figures.short:
            self._say(f"SHORT: {shortcoming}")
        measured = {"drill": options["name"], "ok": not figures.short, **figures.values}
        self._say(json.dumps(measured))
        if figures.short:
            raise SystemExit(1)

    def _figures(self, drill: Drill, scale: Scale, options: dict[str, Any]) -> Figures:
        if drill.run is not None:
            return drill.run(self._say, scale)
        return self._on_demo(drill, scale, options)

    def _on_demo(self, drill: Drill, scale: Scale, options: dict[str, Any]) -> Figures:
        if drill.on_demo is None:
            raise CommandError("This drill has nothing to run.")
        if options["attach"]:
            password = options["password"] or os.environ.get(PASSWORD_VARIABLE, "")
            if not password:
                raise CommandError(f"Give the demo's password: --password or {PASSWORD_VARIABLE}.")
            return drill.on_demo(Stage(settings.STATE_DIR, password, self._say), scale)
        self._say("Starting a demo of its own on free ports (--attach uses one that runs).")
        with (
            tempfile.TemporaryDirectory(prefix="mesh-drill-") as folder,
            launched(Path(folder), "--port", "8100") as demo,
        ):
            self._say(f"It serves after {demo.ready_seconds:.1f} s.")
            return drill.on_demo(Stage(demo.folder, demo.password, self._say), scale)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _protocols(text: str) -> tuple[str, ...]:
    named = _listed(text)
    if not named or not set(named) <= set(PROTOCOLS):
        raise argparse.ArgumentTypeError(f"name some of {', '.join(PROTOCOLS)}")
    return named


def _scaled(scale: Scale, options: dict[str, Any]) -> Scale:
    given = {
        name: options[name]
        for name in (
            "requests",
            "changes",
            "concurrency",
            "rate",
            "protocols",
            "workers",
            "tls",
            "parts",
            "seeds",
        )
        if options[name] is not None
    }
    return msgspec.structs.replace(scale, **given)
