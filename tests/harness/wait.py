"""Wait for a fact with a bound, never for a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE_SECONDS = 0.02


def eventually(look: Callable[[], T], *, timeout: float = 10.0, what: str = "") -> T:
    """Return the first truthy answer of `look`; fails with the last one after `timeout` s."""
    ends = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > ends:
            raise AssertionError(f"never came true: {what or look} (last: {answer!r})")
        pause.wait(_PAUSE_SECONDS)


async def eventually_async(
    look: Callable[[], Awaitable[T]], *, timeout: float = 10.0, what: str = ""
) -> T:
    """The same for a coroutine function."""
    ends = time.monotonic() + timeout
    while True:
        answer = await look()
        if answer:
            return answer
        if time.monotonic() > ends:
            raise AssertionError(f"never came true: {what or look} (last: {answer!r})")
        await asyncio.sleep(_PAUSE_SECONDS)
