"""Writing off the hot path: a thread writes the newest value, what it overtook is never written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from proxy import aio

T = TypeVar("T")


class LatestWriter(Generic[T]):
    """At most one write at a time and one value waiting, however slow the disk."""

    def __init__(self, write: Callable[[T], object], *, name: str) -> None:
        self._write = write
        self._name = name
        self._waiting: list[T] = []
        self._task: asyncio.Task[None] | None = None

    def put(self, value: T) -> None:
        """Write `value` soon, unless a newer one comes first."""
        self._waiting = [value]
        if self._task is None or self._task.done():
            self._task = aio.spawn(self._run(), name=self._name)

    async def settled(self, timeout: float) -> None:
        """Wait until nothing waits to be written, `timeout` seconds at most."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout)

    async def _run(self) -> None:
        while self._waiting:
            value = self._waiting.pop()
            await asyncio.to_thread(self._write, value)
