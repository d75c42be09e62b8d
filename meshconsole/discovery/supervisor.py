"""Several shards on one pair of ports: children that are started, watched and ended together."""

from __future__ import annotations

import asyncio
import logging
import os

from proxy.aio import cancelled, spawn

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = (0.5, 10.0)
_END_SECONDS = 10.0


async def run(command: list[str], shards: int, stop: asyncio.Event) -> None:
    """Keep `shards` children running until `stop` is set.

    Each child holds the read end of a pipe from this process and ends when the pipe does, so that
    none outlives a parent that was killed.
    """
    tasks = [
        spawn(_kept(command, stop), name=f"discovery-shard-{number}") for number in range(shards)
    ]
    await stop.wait()
    await asyncio.wait(tasks, timeout=_END_SECONDS + 1)
    for task in tasks:
        await cancelled(task)


async def _kept(command: list[str], stop: asyncio.Event) -> None:
    wait = _AGAIN_SECONDS[0]
    while not stop.is_set():
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, env=os.environ.copy()
        )
        started = asyncio.get_running_loop().time()
        ended = spawn(child.wait(), name="discovery-shard-end")
        stopped = spawn(_waited(stop), name="discovery-shard-stop")
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await cancelled(stopped)
        if stop.is_set():
            await _ended(child, ended)
            return
        logger.error("a shard ended; it is started again", extra={"exit": child.returncode})
        lived = asyncio.get_running_loop().time() - started
        wait = _AGAIN_SECONDS[0] if lived > _AGAIN_SECONDS[1] else min(wait * 2, _AGAIN_SECONDS[1])
        await asyncio.wait({spawn(_waited(stop), name="discovery-shard-pause")}, timeout=wait)


async def _waited(stop: asyncio.Event) -> None:
    await stop.wait()


async def _ended(child: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    if child.returncode is None:
        child.terminate()
    await asyncio.wait({ended}, timeout=_END_SECONDS)
    if child.returncode is None:
        child.kill()
        await asyncio.wait({ended}, timeout=_END_SECONDS)
