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
    ledger: Ledger,
    say: Callable[[str], None],
    more: Callable[[], str] = lambda: "",
    left: Callable[[], str] | None = None,
) -> AsyncIterator[None]:
    """Say the progress of a ledger until the block ends; `more` is added to each line.

    A run that ends by something else than the ledger's last number says what is `left` of it: a
    percent of the numbers would mean nothing there.
    """
    task = spawn(_say(ledger, say, more, left), name="progress of a drill")
    try:
        yield
    finally:
        await cancelled(task)


async def _say(
    ledger: Ledger,
    say: Callable[[str], None],
    more: Callable[[], str],
    left: Callable[[], str] | None,
) -> None:
    done, at = 0, time.monotonic()
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        now = time.monotonic()
        rate = (ledger.done - done) / (now - at)
        done, at = ledger.done, now
        say(line(ledger, rate, left() if left else "") + more())


def line(ledger: Ledger, rate: float, left: str = "") -> str:
    """How far it is, `rate` in requests per second: by its numbers, or by what is left of it."""
    failed = sum(ledger.failures.values()) + ledger.mixed
    if left:
        return f"{ledger.done} answered, {rate:.0f}/s, {failed} failed; {left}"
    percent = 100 * ledger.done / ledger.total
    return f"{percent:5.1f} % of {ledger.total}, {rate:.0f}/s, {failed} failed"
