"""Redis answers, or says at once that it does not."""

from __future__ import annotations

import pytest

from meshconsole.core import redis, redis_server
from meshconsole.core.errors import Degraded


def test_a_real_server_answers(mesh_redis: str) -> None:
    redis.client().set("key", "value")
    assert redis.client().get("key") == "value"
    assert redis.client(text=False).get("key") == b"value"
    pipe = redis.client().pipeline()
    pipe.hset("hash", "field", "1")
    pipe.hgetall("hash")
    assert pipe.execute() == [1, {"field": "1"}]


def test_a_dead_server_is_degraded_and_remembered() -> None:
    redis.forget_failures()
    with pytest.raises(Degraded):
        redis.client().get("key")
    with pytest.raises(Degraded, match="just now"):
        redis.client().get("key")
    pipe = redis.client().pipeline()
    pipe.get("key")
    with pytest.raises(Degraded):
        pipe.execute()


async def test_the_async_client_answers_and_is_closed(mesh_redis: str) -> None:
    await redis.async_client().set("key", "value")
    assert await redis.async_client().get("key") == "value"
    async with redis.async_client().pipeline() as pipe:
        pipe.get("key")
        assert await pipe.execute() == ["value"]
    await redis.async_close()


async def test_the_async_client_is_degraded_without_a_server() -> None:
    with pytest.raises(Degraded):
        await redis.async_client().get("key")
    await redis.async_close()


def test_a_configured_url_starts_nothing(tmp_path: object) -> None:
    from pathlib import Path

    assert redis_server.start(Path(str(tmp_path)), configured="redis://127.0.0.1:1/0") == (
        None,
        "redis://127.0.0.1:1/0",
    )
