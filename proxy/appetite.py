"""How fast a peer takes what waits for it: slower than a trickle, it is no reader but a burden.

A caller that opens its windows by a few bytes now and then makes progress for ever, and holds an
answer, its connection and the endpoint's all the while. So each byte taken buys time, as each byte
of a body does that comes: at `READ_RATE` for ever, below it until the patience with a caller that
takes nothing is used up. Time is not saved up: whoever was fast once is not owed an hour.

What a peer has taken the kernel knows: bytes that were acknowledged. The event loop cannot tell, as
it hears of room in the kernel's buffer only when a third of that is free, which may be megabytes.
"""

from __future__ import annotations

import asyncio
import socket
import struct

READ_RATE = 512
"""Bytes a second that an answer has to be taken at by whoever makes it wait."""
_INFO_BYTES = 128
_ACKED_AT = 120
_acked = struct.Struct("Q").unpack_from
"""`tcpi_bytes_acked` of `struct tcp_info`, since Linux 4.1."""


class Appetite:
    """Of one peer, from the moment at which something waits for it."""

    __slots__ = ("_taken", "until")

    def __init__(self, now: float, patience: float, taken: int = 0) -> None:
        self._taken = taken
        self.until = now + patience
        """When it has been too slow, on the monotonic clock."""

    def took(self, count: int, now: float, patience: float) -> None:
        """So many bytes more."""
        self.until = min(now + patience, self.until + count / READ_RATE)

    def is_gone(self, transport: asyncio.Transport, now: float, patience: float) -> bool:
        """Look at what the peer of a connection took meanwhile: has it been too slow?"""
        taken = taken_by(transport)
        if taken > self._taken:
            self.took(taken - self._taken, now, patience)
        self._taken = taken
        return now >= self.until


def taken_by(transport: asyncio.Transport) -> int:
    """Bytes that the peer has taken, counted from an unknown start; only differences mean
    anything."""
    own = transport.get_extra_info("socket")
    try:
        info = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except OSError:
        info = b""  # no TCP: what leaves the event loop's buffer is all that can be told
    if len(info) < _INFO_BYTES:
        return -transport.get_write_buffer_size()
    return int(_acked(info, _ACKED_AT)[0])
