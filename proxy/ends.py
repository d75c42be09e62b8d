"""How a connection is held up, and ended so that its peer can tell one end from another."""

from __future__ import annotations

import asyncio
import socket
import struct

_KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)
"""A session or a tunnel may be silent for an hour; a peer that is gone without a word is found in
two minutes."""
_RESET = struct.pack("ii", 1, 0)


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once and say so: its peer sees a reset, and takes nothing for an end in
    peace."""
    if not transport.is_closing():
        own: socket.socket = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def hold(transport: asyncio.Transport | None, held: bool) -> None:
    """Read no more for now, or go on."""
    if transport is not None and not transport.is_closing():
        if held:
            transport.pause_reading()
        else:
            transport.resume_reading()


def ask_after(own: socket.socket) -> None:
    """Have the kernel ask a silent peer whether it is still there."""
    for level, option, value in _KEEP_ALIVE:
        own.setsockopt(level, option, value)


def ask_after_peer(transport: asyncio.BaseTransport) -> None:
    """The same for a connection that the event loop made."""
    own = transport.get_extra_info("socket")
    # The loop's stand-in makes a socket for each call; one made here serves for all four.
    borrowed = socket.socket(own.family, own.type, own.proto, fileno=own.fileno())
    try:
        ask_after(borrowed)
    finally:
        borrowed.detach()
