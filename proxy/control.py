"""Who tells a process what to do: the agent of a mesh, or nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from proxy.contract.session import Report
from proxy.handover.words import Inheritance
from proxy.snapshot_file import SnapshotFile


class Control(Protocol):
    """What a process asks of whoever tells it what to do."""

    @property
    def ready(self) -> bool:
        """Is there something to serve by?"""

    async def run(self) -> None:
        """Until it is told to leave."""

    async def leave(self) -> None:
        """Tell the console that this instance goes."""

    async def retire(self) -> None:
        """End without a word; what was seen is kept on disk, or passed on."""

    def status(self) -> dict[str, object]:
        """For the admin page."""

    # from process to process

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


class Alone:
    """A stand-alone proxy is told everything on its command line, or by a file named there."""

    ready = True

    def __init__(self, file: SnapshotFile | None = None) -> None:
        self._file = file

    async def run(self) -> None:
        """Nothing to do."""

    async def leave(self) -> None:
        """Nobody to tell."""

    async def retire(self) -> None:
        """Nothing to end."""

    def status(self) -> dict[str, object]:
        """What became of the file."""
        return self._file.status() if self._file else {}

    def snapshot(self) -> bytes:
        """The file is where it was."""
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
