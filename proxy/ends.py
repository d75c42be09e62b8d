"""How a connection is held up, and ended so that its peer can tell one end from another."""

from __future__ import annotations

import asyncio
import socket
import struct

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
