"""One thread for work that nobody waits for; it gives way to the event loop.

A write of a second's log lines takes milliseconds, and the thread that makes it is as entitled to
the processor as the loop is: on a machine with one core for both, requests wait meanwhile. So this
thread has a low priority: it runs when the loop has nothing to do, or a little beside it. There is
one for the whole process, so that no two writes compete with the loop at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

NICENESS = 10
"""A tenth of what the loop gets of a core that both want (Linux's weights: 110 to 1024). The most
there is, 19, would leave a seventieth, and lines of a busy core would wait until they are lost."""
T = TypeVar("T")


async def behind(work: Callable[[], T]) -> T:
    """The answer of `work`, done by the thread when those before it are done; what it raises is
    raised here."""
    return await asyncio.get_running_loop().run_in_executor(_thread(), work)


@functools.cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="behind", initializer=_give_way)


def _give_way() -> None:
    """Only Linux has a priority per thread; elsewhere, or where it may not be changed, the thread
    is like any other: slower for the loop, right all the same."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
