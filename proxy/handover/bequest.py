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
from typing import TYPE_CHECKING, Protocol

from proxy.contract.reports import Ejection
from proxy.contract.session import Report
from proxy.handover.words import Inheritance
from proxy.intake import Intake
from proxy.outbox import Outbox
from proxy.reporter import Reporter

if TYPE_CHECKING:
    from proxy.healing.warden import Warden
    from proxy.membership import Membership

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 0.5
"""For receipts that are on their way, and for the disk."""


class Heritable(Protocol):
    """The part of a process that only one process may be."""

    def snapshot(self) -> bytes:
        """What is in force, as a whole push; empty without a console's."""

    def begin(self, inheritance: Inheritance | None) -> None:
        """This process is the one from now on."""

    async def hand_over(self) -> Inheritance:
        """Let go of what only one process may have."""

    def resume(self) -> None:
        """Take it back."""

    def pass_on(self, heir: Callable[[Report], None]) -> None:
        """Tell this one what is seen from now on."""

    def tell(self, report: Report) -> None:
        """Take what another process has seen."""


class Nothing:
    """What a process without a console passes on: its files are where they were."""

    def snapshot(self) -> bytes:
        """None of a console's."""
        return b""

    def begin(self, inheritance: Inheritance | None) -> None:
        """Nothing is passed on."""

    async def hand_over(self) -> Inheritance:
        """Nothing to let go of."""
        return Inheritance()

    def resume(self) -> None:
        """Nothing to take back."""

    def pass_on(self, heir: Callable[[Report], None]) -> None:
        """Nothing is reported."""

    def tell(self, report: Report) -> None:
        """Nothing is reported."""


class Bequest:
    """Held by an agent; `mine` is set while this process speaks for the instance."""

    def __init__(
        self,
        membership: Membership,
        intake: Intake,
        outbox: Outbox,
        reporter: Reporter,
        warden: Warden,
    ) -> None:
        self._membership = membership
        self._intake = intake
        self._outbox = outbox
        self._reporter = reporter
        self._warden = warden
        self._late: list[Report] = []
        self.mine = asyncio.Event()
        self.mine.set()
        self.begun = False
        """Was it said where this process goes on from?"""

    def snapshot(self) -> bytes:
        """What is in force, as a whole push."""
        return self._intake.whole()

    def begin(self, inheritance: Inheritance | None) -> None:
        """This process speaks for the instance now: by what another passed on, or by its disk."""
        self.begun = True
        if inheritance is not None:
            self._inherit(inheritance)
        else:
            self._reporter.restore()

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
            ejections=self._ejections(),
        )

    def _ejections(self) -> tuple[Ejection, ...]:
        """All that are active; from now on the other process speaks of them."""
        self._warden.muted = True
        return self._warden.told()

    def resume(self) -> None:
        """Nobody took it: go on, and report what was seen meanwhile."""
        self._reporter.heir = None
        late, self._late = self._late, []
        for report in late:
            self._reporter.adopt(report)
        self._warden.muted = False
        self._intake.keep()
        self.mine.set()

    def pass_on(self, heir: Callable[[Report], None]) -> None:
        """Somebody took it: tell what was seen meanwhile, and whatever comes."""
        late, self._late = self._late, []
        self._reporter.heir = heir
        for report in late:
            heir(report)

    def tell(self, report: Report) -> None:
        """Report what another process has seen."""
        self._reporter.adopt(report)

    def _inherit(self, inheritance: Inheritance) -> None:
        from proxy.encryption.identity import Identity, InvalidCertificate

        if inheritance.identity is not None:
            try:
                self._membership.identity = Identity.of(inheritance.identity)
            except InvalidCertificate as error:
                logger.warning("%s A join token is needed.", error)
        if inheritance.snapshot:
            self._intake.adopt(inheritance.snapshot)
        self._warden.restore(inheritance.ejections)
        for report in inheritance.reports:
            self._reporter.adopt(report)
