"""One JSON line per request; lines wait for the tick to be written.

A line is made when its request ends and not later in bulk: a burst of them would hold up whoever is
being served then. Only the writing happens elsewhere (`behind`), in one piece: each more would ask
for the interpreter's lock once more. The file is opened by its name each time: who renames it
(rotation) finds no more lines in it, and needs to tell nobody.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from proxy.aio import spawn
from proxy.behind import behind
from proxy.errors import Refusal
from proxy.log_lines import Lines, Session
from proxy.settings import InvalidSettings

if TYPE_CHECKING:
    from proxy.relay import Exchange

logger = logging.getLogger(__name__)

WAITING_LIMIT = 8 * 1024 * 1024
"""Bytes of lines kept while the disk is slow; more lines are dropped and counted."""


class AccessLog:
    """Appends to a file, or to standard output (`-`), off the event loop."""

    def __init__(self, place: str, listener: str) -> None:
        self._place = place
        self._lines = Lines(listener)
        self._waiting = bytearray()
        """Whole lines in one piece: a line is copied once and leaves no object behind."""
        self.dropped = 0
        """Lines that could not be kept or written."""
        self.written_bytes = 0
        self._failing = False
        self._writing: asyncio.Task[None] | None = None

    def add(self, exchange: Exchange, seconds: float) -> None:
        """Remember a request that has just ended and took `seconds`."""
        if len(self._waiting) < WAITING_LIMIT:
            self._waiting += self._lines.of_exchange(exchange, time() - seconds, seconds)
        else:
            self.dropped += 1

    def add_session(self, session: Session, seconds: float) -> None:
        """Remember a session that has just ended and took `seconds`."""
        if len(self._waiting) < WAITING_LIMIT:
            self._waiting += self._lines.of_session(session, time() - seconds, seconds)
        else:
            self.dropped += 1

    def add_unread(self, refusal: Refusal) -> None:
        """Remember bytes that were no request."""
        if len(self._waiting) < WAITING_LIMIT:
            self._waiting += self._lines.of_refusal(refusal, time())
        else:
            self.dropped += 1

    def check(self) -> None:
        """Raises InvalidSettings when the file cannot be written."""
        try:
            self._append(b"")
        except OSError as error:
            raise InvalidSettings(
                f"--access-log {self._place} cannot be written ({error.strerror}): "
                "name a file in a folder that exists, or - for standard output."
            ) from None

    def write_soon(self) -> None:
        """Begin to write what is waiting, unless the disk still has to take what was before."""
        if self._waiting and (self._writing is None or self._writing.done()):
            self._writing = spawn(self.flush(), name="write the access log")

    async def flush(self) -> None:
        """Write what is waiting; a full disk costs lines, never traffic."""
        text, self._waiting = self._waiting, bytearray()
        if not text:
            return
        try:
            await behind(functools.partial(self._append, text))
        except OSError as error:
            self.dropped += text.count(b"\n")
            if not self._failing:
                logger.warning("the access log loses lines: %s", error)
            self._failing = True
        else:
            self.written_bytes += len(text)
            self._failing = False

    def _append(self, text: bytes | bytearray) -> None:
        if self._place == "-":
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        else:
            with Path(self._place).open("ab", buffering=0) as file:
                view = memoryview(text)
                while view:
                    view = view[file.write(view) :]


def opened_log(place: str | None, listener: str) -> AccessLog | None:
    """The log of one listener, found writable; None for no place. Raises InvalidSettings."""
    if not place:
        return None
    log = AccessLog(place, listener)
    log.check()
    return log
