"""What nobody waits for runs in one thread that gives way to the event loop."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from proxy import behind as module
from proxy.behind import NICENESS, behind


def _priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


async def test_the_thread_has_the_lowest_priority_and_the_loop_keeps_its_own() -> None:
    before = _priority()
    assert await behind(_priority) == NICENESS
    assert _priority() == before


async def test_all_work_is_done_by_one_thread() -> None:
    assert await behind(threading.get_native_id) == await behind(threading.get_native_id)


async def test_what_fails_there_is_raised_here() -> None:
    with pytest.raises(FileNotFoundError):
        await behind(lambda: Path("/missing/file").stat())


async def test_where_the_priority_may_not_be_changed_the_work_is_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(*_said: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", forbidden)
    module._thread.cache_clear()
    try:
        assert await behind(_priority) == _priority()
    finally:
        module._thread().shutdown()
        module._thread.cache_clear()
