"""`manage.py fault`: break an instance of the running demo, or mend it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from meshconsole.demo.breaking import FAULTS, CannotBreak, break_instance, mend
from meshconsole.demo.launch import DemoFailed, read_demo


class Command(BaseCommand):
    """`fault order-3 dead`, `fault order-3 mend`, `fault all mend`."""

    help = "Break an instance of the demo that runs in the state folder, or mend it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("instance", help="such as order-3; `all` to mend everything")
        kinds = "; ".join(f"{name}: {fault.effect}" for name, fault in FAULTS.items())
        parser.add_argument(
            "kind", choices=[*FAULTS, "mend"], help=f"{kinds}; mend ends them".replace("%", "%%")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        instance, kind = options["instance"], options["kind"]
        try:
            demo = read_demo(settings.STATE_DIR)
            done = mend(demo, instance) if kind == "mend" else break_instance(demo, instance, kind)
        except (CannotBreak, DemoFailed) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(done)
