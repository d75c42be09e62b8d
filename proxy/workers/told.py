"""A worker's control side: its parent says what is in force, and hears what was seen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import monotonic

from proxy.balancing.weights import STEPS
from proxy.contract import codec
from proxy.control import Alone
from proxy.current import Current
from proxy.encryption.carried import Carried
from proxy.encryption.holder import Holder
from proxy.workers.teller import Heard
from proxy.workers.words import Regard, Swap

logger = logging.getLogger(__name__)

TELL_SECONDS = 1.0
COALESCE_SECONDS = 0.1
NOBODY = ("", "", "")


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

    def regard(self, regard: Regard) -> None:
        """Give endpoints the shares that the parent judged right."""
        table, now = self._current.table, monotonic()
        wanted = {(service, id, addr): steps for service, id, addr, steps in regard.shares}
        changed = set()
        for key, member in table.members.items():
            steps = wanted.get(key, STEPS)
            if member.steps != steps:
                member.steps = steps
                changed.add(key[0])
        for name in changed:
            table.reshare(name, now)
        offered = {key[0]: key for key in regard.offered}
        for name, target in table.targets.items():
            target.offer(table.members.get(offered.get(name, NOBODY)))

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
