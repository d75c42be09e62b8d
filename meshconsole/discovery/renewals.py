"""The daemon's own certificate, from the first to the last: got, renewed, and kept with the trust.

A change of whom the mesh trusts or of who signs is a change of intent, so the hint that wakes the
compiler wakes this too; without the hint it is seen ten seconds later.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from django.db import Error as DatabaseError

from meshconsole.core.sealing import SealBroken
from meshconsole.discovery.desk import Desk
from meshconsole.discovery.tls import Doors
from meshconsole.encryption.signing import SigningFailed

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
GATHER_SECONDS = 1.0
_AGAIN_SECONDS = 1.0


class Renewals:
    """One per process, for its two doors."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._desk = Desk("discovery-keys")
        self._hinted = asyncio.Event()

    def hint(self) -> None:
        """Intent may have changed: look soon."""
        self._hinted.set()

    async def first(self, stop: asyncio.Event) -> bool:
        """Wait for the database with the authority in it; sidecars run on meanwhile. False when
        there will be none."""
        while not stop.is_set():
            try:
                await self._desk.ask(self._doors.renew, datetime.now(UTC))
            except (DatabaseError, TimeoutError, SigningFailed) as error:
                logger.warning("no certificate yet", extra={"error": str(error)})
                await asyncio.sleep(_AGAIN_SECONDS)
            except SealBroken as error:
                logger.critical("%s", error)
                return False
            else:
                return True
        return False

    async def run(self) -> None:
        """Follow the mesh's trust and renew in time, for ever."""
        while True:
            await asyncio.sleep(GATHER_SECONDS)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._hinted.wait()
            except TimeoutError:
                pass
            self._hinted.clear()
            try:
                changed = await self._desk.ask(self._doors.follow, datetime.now(UTC))
            except (DatabaseError, TimeoutError, SealBroken, SigningFailed) as error:
                logger.warning("the old certificate is kept", extra={"error": str(error)})
                continue
            if changed:
                logger.info("the doors show another certificate or trust other roots")
