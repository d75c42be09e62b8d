"""How far a counted run is, said every few seconds while it lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from meshconsole.drill.ledger import Ledger
from proxy.aio import cancelled, spawn

EVERY_SECONDS = 5.0


@asynccontextmanager
async def shown(
    ledger: Ledger, say: Callable[[str], None], more: Callable[[], str] = lambda: ""
) -> AsyncIterator[None]:
    """Say the progress of a ledger until the block ends; `more` is added to each line."""
    task = spawn(_say(ledger, say, more), name="progress of a drill")
    try:
        yield
    finally:
        await cancelled(task)


async def _say(ledger: Ledger, say: Callable[[str], None], more: Callable[[], str]) -> None:
    done, at = 0, time.monotonic()
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        now = time.monotonic()
        rate = (ledger.done - done) / (now - at)
        done, at = ledger.done, now
        failed = sum(ledger.failures.values()) + ledger.mixed
        say(
            f"{100 * done / ledger.total:5.1f} % of {ledger.total}, {rate:.0f}/s, "
            f"{failed} failed{more()}"
        )
