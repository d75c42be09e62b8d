"""A stand-alone proxy's snapshot: a file in the contract's words, read again when it is told to.

A file that cannot be read, or is not consistent in itself, changes nothing: what is in force stays
in force, and every fault is said. A good one replaces it by one assignment, as a push does in a
mesh.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from proxy.contract.check import check
from proxy.contract.digest import digest_of
from proxy.contract.snapshot import KINDS, Snapshot
from proxy.current import Current

logger = logging.getLogger(__name__)

FILE_LIMIT = 64 * 1024 * 1024
"""Bytes; ten thousand services with ten endpoints each are a third of it."""
FAULTS_SAID = 20


class InvalidSnapshot(ValueError):
    """The file cannot be put in force; `faults` says each reason with its place."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        more = len(faults) - FAULTS_SAID
        self.faults = faults[:FAULTS_SAID] + ([f"{more} more like these."] if more > 0 else [])
        super().__init__(f"{path} cannot be put in force: {' '.join(self.faults)}")


def read(path: Path) -> Snapshot:
    """The snapshot in a file; raises InvalidSnapshot."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise InvalidSnapshot(path, [f"{error.strerror}: name a file that can be read."]) from None
    if len(raw) > FILE_LIMIT:
        raise InvalidSnapshot(path, [f"It has more than {FILE_LIMIT} bytes."])
    return checked(path, raw)


def checked(path: Path, raw: bytes) -> Snapshot:
    """The snapshot that these bytes say; raises InvalidSnapshot, where `path` is named."""
    try:
        kinds = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        snapshot = msgspec.json.decode(raw, type=Snapshot)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidSnapshot(path, [f"It is not a snapshot: {error}."]) from None
    faults = [
        f"/{kind}: this is no kind of resource; {', '.join(sorted(KINDS))} are."
        for kind in kinds
        if kind not in KINDS
    ]
    faults += [f"{fault.path}: {fault.msg}" for fault in check(snapshot)]
    if faults:
        raise InvalidSnapshot(path, faults)
    return snapshot


class SnapshotFile:
    """Where the snapshot of a stand-alone proxy comes from."""

    def __init__(self, path: Path, current: Current) -> None:
        self.path = path
        self.error = ""
        """Why the file was refused the last time; empty when it was not."""
        self._current = current

    def load(self) -> bool:
        """Put the file in force; False when that changes nothing. Raises InvalidSnapshot.

        It is read on the event loop: a thousand services take some 20 ms, once per change.
        """
        try:
            snapshot = read(self.path)
        except InvalidSnapshot as error:
            self.error = str(error)
            raise
        self.error = ""
        digest = digest_of(snapshot)
        if digest == self._current.digest:
            return False
        self._current.swap(snapshot, self._current.v + 1, digest)
        logger.info("revision %d of %s is in force", self._current.v, self.path)
        return True

    def reload(self) -> None:
        """The same, where nobody waits for an answer: a bad file is logged."""
        try:
            if not self.load():
                logger.info("%s is in force already", self.path)
        except InvalidSnapshot as error:
            logger.error("revision %d stays in force: %s", self._current.v, error)

    def status(self) -> dict[str, object]:
        """For the admin page."""
        return {"snapshot": str(self.path), "error": self.error}
