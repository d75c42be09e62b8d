"""Who tells a process what to do: the agent of a mesh, or nobody."""

from __future__ import annotations

from typing import Protocol

from proxy.handover.bequest import Heritable, Nothing
from proxy.snapshot_file import SnapshotFile


class Control(Protocol):
    """What a process asks of whoever tells it what to do."""

    @property
    def bequest(self) -> Heritable:
        """What goes from process to process."""

    @property
    def ready(self) -> bool:
        """Is there something to serve by?"""

    async def run(self) -> None:
        """Until it is told to leave."""

    async def leave(self) -> None:
        """Tell the console that this instance goes."""

    async def retire(self) -> None:
        """End without a word; what was seen is kept on disk, or passed on."""

    def renew(self) -> bool:
        """Ask for another certificate now; False when there is nobody to ask."""

    def status(self) -> dict[str, object]:
        """For the admin page."""


class Alone:
    """A stand-alone proxy is told everything on its command line, or by a file named there."""

    ready = True

    bequest: Heritable = Nothing()

    def __init__(self, file: SnapshotFile | None = None) -> None:
        self._file = file

    async def run(self) -> None:
        """Nothing to do."""

    async def leave(self) -> None:
        """Nobody to tell."""

    async def retire(self) -> None:
        """Nothing to end."""

    def renew(self) -> bool:
        """Nobody to ask."""
        return False

    def status(self) -> dict[str, object]:
        """What became of the file."""
        return self._file.status() if self._file else {}
