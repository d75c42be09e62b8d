"""How much of large frames this process holds at once, over all its connections.

A frame is passed on when it is whole, so thousands of callers could each have the better part of
4 MiB held here. Small frames are bounded by their connections; a large one needs a share of the
reserve, and while there is none its connection is not read.
"""

from __future__ import annotations

LARGE = 64 * 1024
"""Bytes of a frame that needs a share."""
RESERVE_BYTES = 256 * 1024 * 1024


class Reserve:
    """What may still be held."""

    __slots__ = ("left",)

    def __init__(self, size: int = RESERVE_BYTES) -> None:
        self.left = size

    def take(self, size: int) -> bool:
        """A share of `size` bytes, if there is so much; given back with `give`."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def hold(self, size: int) -> int:
        """A share for what is held already, be there as much or not."""
        self.left -= size
        return size

    def give(self, size: int) -> None:
        """A share is free again."""
        self.left += size


RESERVE = Reserve()
