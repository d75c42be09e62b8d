"""Check that nobody rewrote the past: `manage.py audit_verify`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from meshconsole.audit.services import audit_verify


class Command(BaseCommand):
    """Exits with 1 and the first broken row when the chain does not hold."""

    help = "Walk the audit chain and report the first row where it breaks."

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk."""
        verdict = audit_verify()
        if not verdict.whole:
            raise CommandError(f"The chain breaks at row {verdict.broken_at}: {verdict.detail}")
        self.stdout.write(f"The chain of {verdict.rows} rows is whole.")
