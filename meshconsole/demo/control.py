"""The supervisor's door: a Unix socket where its owner asks one line and is answered one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from meshconsole.healing.guards.supervision import LINE_BYTES, Answer, Ask

ASK_SECONDS = 5.0
_CREDENTIALS = struct.Struct("3i")
_PATH_LIMIT = 100


def socket_path(folder: Path) -> Path:
    """Where the socket of a state folder is: elsewhere when the kernel has no room for its path."""
    path = folder / "control.sock"
    if len(str(path)) > _PATH_LIMIT:
        return Path(tempfile.mkdtemp(prefix="mesh-control-")) / path.name
    return path


class Door:
    """Listens while it is open; who is not us or root is not heard."""

    def __init__(self, path: Path, answer: Callable[[Ask], Awaitable[Answer]]) -> None:
        self.path = path
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; a socket that a killed supervisor left is replaced."""
        self.path.unlink(missing_ok=True)
        before = os.umask(0o077)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self.path, limit=LINE_BYTES)
        finally:
            os.umask(before)
        self.path.chmod(0o700)

    async def close(self) -> None:
        """Hear nobody any more; orders that were taken go on."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            if peer_uid(writer.get_extra_info("socket")) in (os.geteuid(), 0):
                answer = await self._heard(reader)
                writer.write(msgspec.json.encode(answer) + b"\n")
                await asyncio.wait_for(writer.drain(), ASK_SECONDS)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _heard(self, reader: asyncio.StreamReader) -> Answer:
        try:
            line = await asyncio.wait_for(reader.readline(), ASK_SECONDS)
            ask = msgspec.json.decode(line, type=Ask)
        except (ValueError, TimeoutError) as error:
            return Answer(problem="malformed", detail=f"That is no line of an order: {error}"[:300])
        return await self._answer(ask)


def peer_uid(peer: socket.socket) -> int:
    """Whose process is at the other end."""
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return int(uid)
