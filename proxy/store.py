"""The last snapshot on disk, so that a sidecar starts with everything else down.

The file is a whole push as it would come over the channel, and is read back through the same
checks. It holds no key. Writing goes temporary file, fsync, rename: a reader sees the old file or
the new one, and a torn or altered one is known by its digest.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from proxy.configuration import Held, Refusal, applied, whole
from proxy.contract import codec
from proxy.contract.session import Push
from proxy.contract.snapshot import Snapshot

logger = logging.getLogger(__name__)
SNAPSHOT_FILE = "snapshot.json"


class SnapshotStore:
    """Keeps one snapshot in the state directory; failing to write never stops traffic."""

    def __init__(self, state_dir: Path) -> None:
        self._dir = Path(state_dir)
        self._file = self._dir / SNAPSHOT_FILE
        self.write_failures = 0

    def load(self) -> tuple[Snapshot, int] | None:
        """The kept snapshot and its revision, or None when there is none that can be trusted."""
        held = self.held()
        return None if held is None else (held.snapshot, held.v)

    def held(self) -> Held | None:
        """The same with its bytes, as the channel continues from it."""
        try:
            raw = self._file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("The kept snapshot cannot be read: %s.", error)
            return None
        try:
            push = codec.decode_from_console(raw)
        except codec.InvalidFrame as error:
            logger.warning("The kept snapshot is left aside: %s", error)
            return None
        if not isinstance(push, Push):
            logger.warning("The kept snapshot is left aside: the file is something else.")
            return None
        found = applied(push, None)
        if isinstance(found, Refusal):
            logger.warning("The kept snapshot is left aside: %s", found.msg)
            return None
        return found

    def save(self, held: Held) -> bool:
        """Keep `held`; False when the disk refused, which is counted and logged once."""
        temporary = self._file.with_suffix(".tmp")
        try:
            self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(temporary, codec.encode(whole(held)))
            temporary.replace(self._file)
            _sync_directory(self._dir)
        except OSError as error:
            if self.write_failures == 0:
                logger.warning("The snapshot cannot be kept on disk; traffic goes on: %s.", error)
            self.write_failures += 1
            with contextlib.suppress(OSError):
                temporary.unlink()
            return False
        self.write_failures = 0
        return True


def _write(path: Path, content: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
