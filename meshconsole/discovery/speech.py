"""What the daemon says besides pushes: answers, refusals in a sentence, goodbyes with a time."""

from __future__ import annotations

import logging
import random
from collections import Counter

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from meshconsole.discovery.greeting import Refusal
from meshconsole.discovery.streams import Stream
from proxy.contract.codec import encode
from proxy.contract.session import Bye, Cert, Receipt, Refused

logger = logging.getLogger(__name__)

RETRY_MS = (500, 5000)
_POLICY, _TRY_LATER = 1008, 1013


class Speech:
    """Says it and counts it; a peer that has gone is no error."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts

    async def send(self, stream: Stream, message: Receipt | Cert | Refused) -> None:
        """Answer on a stream that goes on."""
        try:
            await stream.connection.send(encode(message), text=True)
        except ConnectionClosed:
            self._counts["answers_cut"] += 1

    async def refuse(self, connection: ServerConnection, refusal: Refusal) -> None:
        """Say why, and close."""
        self._counts[f"refused_{refusal.code}"] += 1
        logger.info("refused", extra={"code": refusal.code, "reason": refusal.msg})
        try:
            await connection.send(encode(Refused(code=refusal.code, msg=refusal.msg)), text=True)
        except ConnectionClosed:
            return
        await connection.close(_POLICY, refusal.code)

    async def bye(
        self, connection: ServerConnection, reason: str, *, come_back: bool = True
    ) -> None:
        """Send away, with a random time to come back at or for good."""
        wait_ms = random.randint(*RETRY_MS) if come_back else 0  # noqa: S311
        try:
            await connection.send(encode(Bye(retry_after_ms=wait_ms, reason=reason)), text=True)
        except ConnectionClosed:
            return
        await connection.close(_TRY_LATER, reason)
