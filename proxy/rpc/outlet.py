"""Writes gathered while bytes are read, so that many frames leave with one system call.

A read often brings many frames, each of which is written to some connection. While a `Gathering` is
open they are kept, and each connection is written to once when it ends; else they leave at once.
"""

from __future__ import annotations

import asyncio

JOINED_BYTES = 64 * 1024
"""Up to so many bytes are copied into one piece; more is handed over as it is."""


class Outlet:
    """The way out of one connection."""

    __slots__ = ("_frames", "transport")

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        """Now, or when the gathering that is open ends."""
        if not GATHERING.is_open:
            self.transport.write(frame)
            return
        if not self._frames:
            GATHERING.outlets.append(self)
        self._frames.append(frame)

    def flush(self) -> None:
        """What was kept leaves now."""
        frames, self._frames = self._frames, []
        if len(frames) == 1:
            self.transport.write(frames[0])
        elif frames:
            if sum(map(len, frames)) <= JOINED_BYTES:
                self.transport.write(b"".join(frames))
            else:
                self.transport.writelines(frames)

    def close(self) -> None:
        """End the connection after what was kept."""
        self.flush()
        self.transport.close()


class Gathering:
    """Outlets with something to write; there is one, as there is one event loop."""

    __slots__ = ("is_open", "outlets")

    def __init__(self) -> None:
        self.is_open = False
        self.outlets: list[Outlet] = []

    def begin(self) -> None:
        """Keep what is written from now on."""
        self.is_open = True

    def end(self) -> None:
        """Write it."""
        self.is_open = False
        outlets, self.outlets = self.outlets, []
        for outlet in outlets:
            outlet.flush()


GATHERING = Gathering()
