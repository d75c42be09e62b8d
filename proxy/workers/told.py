"""A worker's control side: its parent says what is in force, and hears what was seen."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from proxy.contract import codec
from proxy.control import Alone
from proxy.current import Current
from proxy.encryption.carried import Carried
from proxy.encryption.holder import Holder
from proxy.workers.teller import Heard
from proxy.workers.words import Swap

logger = logging.getLogger(__name__)

TELL_SECONDS = 1.0
COALESCE_SECONDS = 0.1


class Told(Alone):
    """What a worker's process is controlled by."""

    def __init__(self, current: Current, holder: Holder) -> None:
        super().__init__()
        self._current = current
        self._holder = holder
        self._woken = asyncio.Event()
        self.failures = Heard(self._woken.set)

    def swap(self, swap: Swap) -> None:
        """Put a snapshot in force that the parent has checked."""
        if swap.v:
            snapshot = codec.decode_snapshot(swap.snapshot)
            self._current.swap(snapshot, swap.v, swap.digest)

    def identify(self, identity: Carried | None) -> None:
        """Prove what the parent proves."""
        if identity is not None:
            from proxy.encryption.identity import Identity, InvalidCertificate

            try:
                self._holder.certify(Identity.of(identity))
            except InvalidCertificate as error:
                logger.error("%s", error)

    async def next_telling(self) -> None:
        """Wait a second, or less when somebody cannot be reached."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TELL_SECONDS):
                await self._woken.wait()
                await asyncio.sleep(COALESCE_SECONDS)
        self._woken.clear()
