"""Is anybody there: one task asks every stream in turn; a task of its own each would be 2 kB."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from meshconsole.discovery.fanout import SENDS_BEFORE_YIELD
from meshconsole.discovery.streams import Stream
from proxy.aio import spawn

PING_SECONDS = 20.0
"""A stream that has not answered one ping when the next is due is lost."""
LATE_SECONDS = 2.0


async def ping_all(streams: Mapping[str, Stream], counts: Counter[str]) -> None:
    """Ask all streams every 20 seconds, for ever.

    A round that begins late asks and judges nobody: it was this process that slept.
    """
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PING_SECONDS
        await asyncio.sleep(PING_SECONDS)
        if loop.time() - due > LATE_SECONDS:
            continue
        for at, stream in enumerate(list(streams.values()), start=1):
            if stream.pong is not None:
                counts["streams_silent"] += 1
                stream.connection.transport.abort()
                continue
            spawn(_ping(stream), name="discovery-ping")
            if at % SENDS_BEFORE_YIELD == 0:
                await asyncio.sleep(0)


async def _ping(stream: Stream) -> None:
    with suppress(ConnectionClosed):
        stream.pong = asyncio.get_running_loop().create_future()  # also while it cannot be sent
        stream.pong = await stream.connection.ping()
        await stream.pong
        stream.pong = None
