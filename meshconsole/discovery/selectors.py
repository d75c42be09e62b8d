"""What the compiler found and how the shards do, for pages, the API and metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import msgspec
from django.utils import timezone

from meshconsole.core import redis
from meshconsole.discovery import keys
from meshconsole.discovery.heads import Head, head_read

_SHARD_FRESH_SECONDS = 20.0


@dataclass(frozen=True)
class ShardView:
    """One shard that was heard lately: its open streams and its counters since it started."""

    id: str
    streams: int
    at: float
    counts: dict[str, float] = field(default_factory=dict)


def compilation() -> Head:
    """The head in force with its findings and blocked variants; raises Degraded."""
    fields = cast("dict[bytes | str, bytes | str]", redis.client().hgetall(keys.HEAD))
    return head_read(fields) or Head()


def shards() -> list[ShardView]:
    """Every live shard of the daemon; raises Degraded."""
    now = timezone.now().timestamp()
    found = []
    told = cast("dict[str, str]", redis.client().hgetall(keys.SHARDS))
    for shard, raw in sorted(told.items()):
        try:
            counts = msgspec.json.decode(raw, type=dict[str, float])
        except msgspec.MsgspecError:
            continue
        at = counts.pop("at", 0.0)
        if now - at < _SHARD_FRESH_SECONDS:
            found.append(ShardView(shard, int(counts.pop("streams", 0)), at, counts))
    return found
