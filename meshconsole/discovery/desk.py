"""Database work of the daemon: in a thread of its own, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

ANSWER_SECONDS = 30.0

P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """One thread that talks to the database; callers queue for it and wait with a bound.

    One that is asked many times a second `keeps` its connection: to open one costs as much as a
    batch, and SQLite folds its log into the file whenever the last one closes.
    """

    def __init__(self, name: str, *, keeps: bool = False) -> None:
        self._keeps = keeps
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def ask(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in the thread; raises what it raises, or TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ANSWER_SECONDS):
            around = _kept if self._keeps else _fresh
            return await loop.run_in_executor(self._pool, lambda: around(work, *args, **kwargs))

    def close(self) -> None:
        """Take no more work; what runs is let end. What is kept is closed by its own thread, after
        what waits."""
        if self._keeps:
            self._pool.submit(connections.close_all)
        self._pool.shutdown(wait=False, cancel_futures=not self._keeps)


def _fresh(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


def _kept(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """On the connection that is there, if the database still knows it."""
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None and not connection.is_usable():
            connection.close()
    return work(*args, **kwargs)
