"""Putting a head into Redis: snapshots first, then the head, by a script that never goes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshconsole.discovery import keys
from meshconsole.discovery.heads import Head, head_write

SNAPSHOT_KEPT_SECONDS = 24 * 3600

_PUBLISH = """
local v = tonumber(redis.call('HGET', KEYS[1], 'v') or '0')
local fence = tonumber(redis.call('HGET', KEYS[1], 'fence') or '0')
if tonumber(ARGV[2]) < fence or tonumber(ARGV[1]) < v then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'fence', ARGV[2], unpack(ARGV, 3))
redis.call('PUBLISH', KEYS[1], ARGV[1])
return 1
"""


async def publish(redis: Any, head: Head, snapshots: Mapping[str, bytes]) -> bool:
    """Write the snapshots and announce the head; False when Redis holds a later one.

    Raises redis.RedisError or OSError when Redis does not answer.
    """
    async with redis.pipeline(transaction=False) as pipe:
        for digest, data in snapshots.items():
            pipe.set(keys.snapshot_key(digest), data, ex=SNAPSHOT_KEPT_SECONDS)
        await pipe.execute()
    fields = head_write(head)
    v, fence = fields.pop("v"), fields.pop("fence")
    rest = [part for pair in fields.items() for part in pair]
    return bool(await redis.eval(_PUBLISH, 1, keys.HEAD, v, fence, *rest))


async def refresh(redis: Any, digests: set[str]) -> bool:
    """Keep the snapshots of the head from expiring; False when one of them is missing."""
    async with redis.pipeline(transaction=False) as pipe:
        for digest in digests:
            pipe.expire(keys.snapshot_key(digest), SNAPSHOT_KEPT_SECONDS)
        return all(await pipe.execute())
