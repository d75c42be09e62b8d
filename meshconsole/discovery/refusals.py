"""What sidecars said that was refused at the door: gathered, and counted in quarantine.

A sidecar may be refused ten thousand times a second, so only counts are kept, and written once a
second; while the database is away they wait, and who has been refused for longest is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from meshconsole.discovery.arrivals import OUTAGES
from meshconsole.discovery.desk import Desk
from meshconsole.healing.evidence.claims import Refusal, text
from meshconsole.healing.evidence.quarantine import Counted, quarantine_add
from proxy.contract.identity import InstanceIdentity

logger = logging.getLogger(__name__)
WRITE_SECONDS = 1.0
WAITING_LIMIT = 1_000
_DETAIL_LIMIT = 300
_Key = tuple[str, str]
"""Identity and reason."""


class Refusals:
    """Counts by identity and reason, each with the last example."""

    def __init__(self, desk: Desk, now: Callable[[], datetime]) -> None:
        self._desk = desk
        self._now = now
        self._waiting: dict[_Key, Counted] = {}

    def note(self, identity: InstanceIdentity, reason: str, detail: str) -> None:
        """Count one; it never waits."""
        key = (identity.uri, reason)
        earlier = self._waiting.get(key)
        if earlier is None and len(self._waiting) >= WAITING_LIMIT:
            return
        refusal = Refusal(reason=reason, detail=text(detail, _DETAIL_LIMIT))
        self._waiting[key] = (identity, refusal, 1 + (earlier[2] if earlier else 0))

    async def run(self) -> None:
        """Write for ever what has come."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            batch, self._waiting = self._waiting, {}
            if not batch:
                continue
            try:
                await self._desk.ask(quarantine_add, list(batch.values()), self._now())
            except OUTAGES as error:
                logger.warning("refusals wait for the database", extra={"error": str(error)})
                self._take_back(batch)

    def _take_back(self, batch: dict[_Key, Counted]) -> None:
        for key, (identity, refusal, count) in batch.items():
            newer = self._waiting.get(key)
            latest = newer[1] if newer else refusal
            self._waiting[key] = (identity, latest, count + (newer[2] if newer else 0))
