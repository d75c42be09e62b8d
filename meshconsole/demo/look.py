"""Whether something on this machine serves yet: one short look, never an exception."""

from __future__ import annotations

import asyncio
import contextlib

from meshconsole.demo.http_client import Answer, CallFailed, Client
from meshconsole.demo.ports import HOST

LOOK_SECONDS = 5.0


async def fetched(port: int, path: str, *, host: str = HOST) -> Answer | None:
    """The answer to `GET path`, or None when none came."""
    client = Client(HOST, port, idle=0)
    try:
        return await client.call(
            "GET", path, headers=[("host", host)], timeout_seconds=LOOK_SECONDS
        )
    except CallFailed:
        return None


async def serves(port: int, path: str, *, host: str = HOST) -> bool:
    """Whether `GET path` is answered with 200."""
    answer = await fetched(port, path, host=host)
    return answer is not None and answer.status == 200


async def listens(port: int) -> bool:
    """Whether a connection to the port is accepted."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            _, writer = await asyncio.open_connection(HOST, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
