"""What Celery calls: one step each, no arguments, safe to run twice and beside itself."""

from __future__ import annotations

from django.utils import timezone

from healer import tick
from healer.app import app


@app.task(name="healer.tick")  # type: ignore[untyped-decorator]
def tick_once() -> None:
    """Advance whatever is due."""
    tick.advance(now=timezone.now())


@app.task(name="healer.prune")  # type: ignore[untyped-decorator]
def prune_once() -> None:
    """Forget what is old."""
    tick.prune(now=timezone.now())
