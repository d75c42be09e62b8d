"""What the control side of a sidecar passes on: its identity, its snapshot, its unsent reports.

A mesh must see one instance throughout. So the old process never says good-bye: it keeps its stream
until the console, which hears the same instance from the new process, sends it away. Files in the
state directory belong to the one process that has the right to report.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from proxy.contract.session import Report
from proxy.handover.words import Inheritance
from proxy.intake import Intake
from proxy.membership import Membership
from proxy.outbox import Outbox
from proxy.reporter import Reporter

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 0.5
"""For receipts that are on their way, and for the disk."""


class Bequest:
    """Held by an agent; `mine` is set while this process speaks for the instance."""

    def __init__(
        self, membership: Membership, intake: Intake, outbox: Outbox, reporter: Reporter
    ) -> None:
        self._membership = membership
        self._intake = intake
        self._outbox = outbox
        self._reporter = reporter
        self._late: list[Report] = []
        self.mine = asyncio.Event()
        self.mine.set()

    async def hand_over(self) -> Inheritance:
        """Let go: no new stream, no write to disk, no report from here on."""
        self.mine.clear()
        self._reporter.tick()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while self._outbox.unanswered:
                    self._reporter.receipted.clear()
                    await self._reporter.receipted.wait()
        self._late = []
        self._reporter.heir = self._late.append
        self._intake.keeps = False
        await self._intake.settled(SETTLE_SECONDS)
        await self._reporter.settled(SETTLE_SECONDS)
        identity = self._membership.identity
        return Inheritance(
            identity=identity.carried() if identity is not None else None,
            snapshot=self._intake.whole(),
            reports=self._outbox.unsaid(),
        )

    def resume(self) -> None:
        """Nobody took it: go on, and report what was seen meanwhile."""
        self._reporter.heir = None
        late, self._late = self._late, []
        for report in late:
            self._reporter.adopt(report)
        self._intake.keep()
        self.mine.set()

    def tell(self, heir: Callable[[Report], None]) -> None:
        """Somebody took it: tell what was seen meanwhile, and whatever comes."""
        late, self._late = self._late, []
        self._reporter.heir = heir
        for report in late:
            heir(report)

    def inherit(self, inheritance: Inheritance) -> None:
        """Go on where another process stopped."""
        from proxy.encryption.identity import Identity, InvalidCertificate

        if inheritance.identity is not None:
            try:
                self._membership.identity = Identity.of(inheritance.identity)
            except InvalidCertificate as error:
                logger.warning("%s A join token is needed.", error)
        if inheritance.snapshot:
            self._intake.adopt(inheritance.snapshot)
        for report in inheritance.reports:
            self._reporter.adopt(report)
