"""What one HTTP/2 peer may ask of a connection, and how its misuse is counted: pure.

Nobody floods by one frame: each attack is an ordinary frame too often. So a connection has
allowances, which fill with time and with honest work, and ends when one is spent. A client that
cancels half of what it asks for is served for ever; one that only cancels is gone after two hundred
(CVE-2023-44487), whoever it makes send the reset (CVE-2025-8671).
"""

from __future__ import annotations

from proxy.http1.heads import HEAD_LIMIT
from proxy.http1.lines import FIELDS_LIMIT

STREAMS = 100
"""Requests in flight on one connection; what RFC 9113 (6.5.2) advises at least, and enough."""
STREAMS_SLACK = 100
"""Streams over that which a caller may open before it can know the limit; each is refused."""
FRAME_LIMIT = 16_384
"""Bytes of one frame, either way: the smallest that must be taken."""
STREAM_WINDOW = 65_535
"""Bytes that one stream may send before they are taken; so many are held for it at most."""
CONNECTION_WINDOW = 1 << 20
"""Bytes in flight on a connection. It is opened again as bytes arrive, so that one slow stream
holds up no other; what is held is bounded by the streams' windows."""
HEADER_LIST = HEAD_LIMIT
"""Bytes of a header list that is served; what is longer is answered 431."""
HEADER_LIST_READ = 4 * HEAD_LIMIT
"""Bytes of a header list that is read at all, as both sides must agree on the table after it."""
HEADER_LINES = 2 * FIELDS_LIMIT
"""Header lines with every crumb of a cookie (CVE-2026-47774)."""
BLOCK_FRAMES = 16
"""Frames of one header block (CVE-2024-27919 and its like)."""
BUFFERED = 32 * 1024
"""Bytes that wait for one peer's window before whoever sends them is held."""
UNSENT = 4 << 20
"""Bytes that wait on one connection before new streams of it are refused."""
STALL_SECONDS = 20.0
"""How long a peer may leave an answer waiting without taking a byte of it."""
SILENCE_SECONDS = 15.0
"""A peer that says nothing for so long while it owes an answer is asked whether it lives."""
DRAIN_SECONDS = 1.0
"""Between announcing the end and meaning it: requests on their way are still served."""

RESETS, RESETS_PER_SECOND = 200, 20.0
CONTROLS, CONTROLS_PER_SECOND = 500, 50.0
PER_STREAM = 5
"""Control frames a stream earns: settings, pings, priorities and windows that go with it."""
PER_DATA = 2
"""Control frames that a frame of content earns: both windows are opened for it."""


class Allowance:
    """How much of something a peer may still do: it fills with time, to a bound."""

    __slots__ = ("_at", "_left", "_most", "_per_second")

    def __init__(self, most: int, per_second: float) -> None:
        self._most = self._left = float(most)
        self._per_second = per_second
        self._at = 0.0

    def spend(self, now: float) -> bool:
        """Once more, at `now` on the monotonic clock; False when that is too often."""
        if self._at:
            self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        self._left -= 1
        return self._left >= 0

    def earn(self, more: int = 1) -> None:
        """Honest work was done."""
        self._left = min(self._most, self._left + more)


class Conduct:
    """The allowances of one peer."""

    __slots__ = ("controls", "resets")

    def __init__(self) -> None:
        self.resets = Allowance(RESETS, RESETS_PER_SECOND)
        """Streams that ended before their answer did, by the peer's doing."""
        self.controls = Allowance(CONTROLS, CONTROLS_PER_SECOND)
        """Frames that carry nothing: settings, pings, priorities, windows, empty content."""

    def opened(self) -> None:
        """A stream began."""
        self.controls.earn(PER_STREAM)

    def carried(self) -> None:
        """A frame of content went either way."""
        self.controls.earn(PER_DATA)

    def answered(self) -> None:
        """A stream ended as it should."""
        self.resets.earn()
