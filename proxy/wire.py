"""Messages and open files between two processes of this machine, over a Unix stream socket.

A frame is its length in four bytes and a message in msgpack; files travel with a frame's first
byte, so they arrive no later than the message that speaks of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

M = TypeVar("M")

FILES_LIMIT = 250
"""Files with one message; the kernel allows 253."""
FRAME_LIMIT_BYTES = 64 * 1024 * 1024
_READ_BYTES = 256 * 1024
_LENGTH = struct.Struct(">I")
_CREDENTIALS = struct.Struct("3i")


class Ended(ConnectionError):
    """The peer is gone, or what it says cannot be read."""


class Wire(Generic[M]):
    """One end; many may send, one receives."""

    def __init__(self, sock: socket.socket, decoder: msgspec.msgpack.Decoder[M]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._decoder = decoder
        self._sending = asyncio.Lock()
        self._buffer = bytearray()
        self._files: list[int] = []

    @property
    def peer(self) -> tuple[int, int]:
        """Process and user at the other end, as the kernel knows them."""
        raw = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(raw)
        return int(pid), int(uid)

    async def send(self, message: msgspec.Struct, files: Sequence[int] = ()) -> None:
        """Send a message with open files; raises Ended when nobody is there."""
        content = msgspec.msgpack.encode(message)
        frame = _LENGTH.pack(len(content)) + content
        async with self._sending:
            try:
                if files:
                    frame = frame[await self._send_first(frame, list(files)) :]
                await asyncio.get_running_loop().sock_sendall(self._sock, frame)
            except OSError as error:
                raise Ended(f"The other process is gone: {error}") from None

    async def receive(self, seconds: float | None) -> M:
        """The next message; raises Ended, or TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while (frame := self._frame()) is None:
                await self._more()
        try:
            return self._decoder.decode(frame)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Ended(f"The other process says what cannot be read: {error}") from None

    def take_files(self, count: int) -> list[int]:
        """The oldest files that came; who takes them closes them. Raises Ended for too few."""
        if len(self._files) < count:
            raise Ended(f"{count} open files were announced and {len(self._files)} came.")
        taken, self._files = self._files[:count], self._files[count:]
        return taken

    def close(self) -> None:
        """End it; files that nobody took are closed."""
        for file in self._files:
            with contextlib.suppress(OSError):
                socket.close(file)
        self._files = []
        self._sock.close()

    def _frame(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > FRAME_LIMIT_BYTES:
            raise Ended(f"The other process announces a message of {length} bytes.")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return frame

    async def _more(self) -> None:
        await _ready(self._sock, writing=False)
        try:
            data, files, _, _ = socket.recv_fds(self._sock, _READ_BYTES, FILES_LIMIT)
        except BlockingIOError:
            return
        except OSError as error:
            raise Ended(f"The other process is gone: {error}") from None
        for file in files:
            os.set_inheritable(file, False)  # recv_fds takes no flag that says so
        self._files += files
        if not data:
            raise Ended("The other process is gone.")
        self._buffer += data

    async def _send_first(self, frame: bytes, files: list[int]) -> int:
        while True:
            with contextlib.suppress(BlockingIOError):
                return socket.send_fds(self._sock, [frame], files)
            await _ready(self._sock, writing=True)


async def _ready(sock: socket.socket, *, writing: bool) -> None:
    """Wait until a socket can be read from, or written to."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    )

    def now() -> None:
        if not ready.done():
            ready.set_result(None)

    add(sock.fileno(), now)
    try:
        await ready
    finally:
        remove(sock.fileno())
