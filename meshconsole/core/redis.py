"""Redis with a bound on every wait, and a memory of its last failure.

Redis holds only what can be rebuilt. When it is down each call raises `Degraded`; for three
seconds after a failure it does so at once, so that pages wait once and not at every read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError, RedisError, TimeoutError
from redis.retry import Retry

from meshconsole.core.errors import Degraded

TIMEOUT_SECONDS = 1.0
REMEMBER_SECONDS = 3.0


class RedisDegraded(Degraded, RedisError):
    """Redis does not answer; both our own and the driver's name for it."""


_failed_at: dict[str, float] = {}
_async_clients: WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[tuple[str, bool, bool], redis.asyncio.Redis]
] = WeakKeyDictionary()


def url() -> str:
    """The URL of Redis; a secret when it has a password in it."""
    return str(settings.MESH_REDIS_URL)


def client(*, text: bool = True) -> redis.Redis:
    """The shared client of this process: answers are str, or bytes with `text=False`.

    Raises Degraded from any call when Redis cannot be reached within TIMEOUT_SECONDS.
    """
    return _client(url(), text)


def async_client(*, text: bool = True, wait_forever: bool = False) -> redis.asyncio.Redis:
    """The shared client of this event loop; `wait_forever` is for subscribers only.

    A subscriber's socket is silent for minutes, so a read timeout would end it.
    """
    loop = asyncio.get_running_loop()
    address = url()
    mine = _async_clients.setdefault(loop, {})
    key = (address, text, wait_forever)
    if key not in mine:
        mine[key] = _AsyncClient.from_url(
            address,
            decode_responses=text,
            socket_timeout=None if wait_forever else TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=AsyncRetry(NoBackoff(), 0),
        )
    return mine[key]


async def async_close() -> None:
    """Close this event loop's clients."""
    for known in _async_clients.pop(asyncio.get_running_loop(), {}).values():
        await known.aclose()


def is_degraded() -> bool:
    """Does Redis not answer just now?"""
    try:
        client().ping()
    except Degraded:
        return True
    return False


def forget_failures() -> None:
    """Ask again at once; a process that knows that Redis is back may say so."""
    _failed_at.clear()


@lru_cache(maxsize=8)
def _client(address: str, text: bool) -> redis.Redis:
    made: redis.Redis = _Client.from_url(
        address,
        decode_responses=text,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=64,
    )
    return made


@contextmanager
def _heard(address: str, *, remember: bool) -> Iterator[None]:
    failed_at = _failed_at.get(address)
    if remember and failed_at is not None and time.monotonic() - failed_at < REMEMBER_SECONDS:
        raise RedisDegraded(
            "Redis does not answer just now; live figures are missing until it does."
        )
    try:
        yield
    except (RedisConnectionError, TimeoutError, OSError) as error:
        _failed_at[address] = time.monotonic()
        raise RedisDegraded(
            "Redis does not answer; live figures are missing until it is back."
        ) from error
    except RedisError as error:
        raise RedisDegraded(f"Redis refused: {error}") from error
    _failed_at.pop(address, None)


class _Pipeline(redis.client.Pipeline):
    def execute(self, raise_on_error: bool = True) -> list[Any]:
        with _heard(url(), remember=True):
            return super().execute(raise_on_error)


class _Client(redis.Redis):
    def execute_command(self, *args: Any, **options: Any) -> Any:
        with _heard(url(), remember=True):
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> _Pipeline:
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class _AsyncPipeline(redis.asyncio.client.Pipeline):
    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        with _heard(url(), remember=False):
            return await super().execute(raise_on_error)


class _AsyncClient(redis.asyncio.Redis):
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        with _heard(url(), remember=False):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> _AsyncPipeline:
        return _AsyncPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
