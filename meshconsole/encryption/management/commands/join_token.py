"""`manage.py join_token`: print a one-time token with which one sidecar may enrol."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from meshconsole.core.errors import MeshError
from meshconsole.encryption.issuance import TOKEN_LIFE_LIMIT_SECONDS, join_token_create


class Command(BaseCommand):
    """Print a join token; it is not shown again."""

    help = "Print a one-time join token for a sidecar of an application and unit."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which sidecar the token is for."""
        parser.add_argument("--app", required=True)
        parser.add_argument("--unit", required=True)
        parser.add_argument("--instance", default="", help="bind the token to one instance id")
        parser.add_argument("--ttl", type=int, default=TOKEN_LIFE_LIMIT_SECONDS, help="seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the token and print it alone on a line."""
        try:
            token = join_token_create(
                application=options["app"],
                unit=options["unit"],
                instance=options["instance"],
                ttl_seconds=options["ttl"],
                actor="command line",
                now=timezone.now(),
            )
        except MeshError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(token)
