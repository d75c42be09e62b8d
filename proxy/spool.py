"""Events on disk until the console has them, so that a restart of the sidecar loses none.

Only events: windows are many and worth little later. One event a line. After a restart they are
sent again under the new boot id; their own id makes a double harmless.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from proxy.contract.reports import AnomalyReport

logger = logging.getLogger(__name__)
SPOOL_FILE = "events.jsonl"
LIMIT_BYTES = 1024 * 1024
_decoder = msgspec.json.Decoder(AnomalyReport)


class EventSpool:
    """One bounded file of events in the state directory; a full disk costs only the spool."""

    def __init__(self, state_dir: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._dir = Path(state_dir)
        self._file = self._dir / SPOOL_FILE
        self._limit_bytes = limit_bytes
        self._size = 0
        self._kept: dict[str, AnomalyReport] = {}
        self._left_out: set[str] = set()
        self.write_failures = 0
        self.dropped = 0
        """Events that are not on disk for want of room; a restart now would lose them."""

    def load(self) -> list[AnomalyReport]:
        """The events a former process could not deliver; a torn last line is passed over."""
        try:
            with self._file.open("rb") as file:
                raw = file.read(self._limit_bytes)
        except OSError:
            return []
        events = {event.id: event for line in raw.splitlines() if (event := _event(line))}
        self._kept = events
        self._size = self._limit_bytes  # forces a clean rewrite with the first change
        return list(events.values())

    def keep(self, events: Sequence[AnomalyReport]) -> None:
        """Make the file hold exactly `events`, or a little more: what was delivered may stay
        until the file is written anew."""
        wanted = {event.id: event for event in events}
        if self._holds(wanted) and self.write_failures == 0:
            return
        try:
            if not wanted:
                self._file.unlink(missing_ok=True)
                self._size = 0
            else:
                self._write(events)
            self._kept = wanted
            self.write_failures = 0
        except OSError as error:
            if self.write_failures == 0:
                logger.warning("Events cannot be kept on disk; they stay in memory: %s.", error)
            self.write_failures += 1

    def _holds(self, wanted: dict[str, AnomalyReport]) -> bool:
        """Is it the same events, and has none of them grown by another?"""
        kept = self._kept
        return wanted.keys() == kept.keys() and all(kept[id] is wanted[id] for id in wanted)

    def _write(self, events: Sequence[AnomalyReport]) -> None:
        fresh = b"".join(_line(event) for event in events if self._kept.get(event.id) is not event)
        if self._size + len(fresh) <= self._limit_bytes and self._size:
            self._put(fresh, os.O_APPEND)
            self._size += len(fresh)
            return
        lines: list[bytes] = []
        room = self._limit_bytes
        for event in reversed(events):
            line = _line(event)
            room -= len(line)
            if room < 0:
                break
            lines.append(line)
        left_out = {event.id for event in events[: len(events) - len(lines)]}
        self.dropped += len(left_out - self._left_out)
        self._left_out = left_out
        content = b"".join(reversed(lines))
        self._put(content, os.O_TRUNC)
        self._size = len(content)

    def _put(self, content: bytes, how: int) -> None:
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | how, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)


def _line(event: AnomalyReport) -> bytes:
    return msgspec.json.encode(event) + b"\n"


def _event(line: bytes) -> AnomalyReport | None:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
