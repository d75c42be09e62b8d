"""The newest value is written, one write at a time, however slow the disk."""

from __future__ import annotations

import asyncio
import threading

from proxy.writer import LatestWriter


async def test_values_overtaken_while_writing_are_never_written() -> None:
    written: list[int] = []
    may_write = threading.Event()

    def write(value: int) -> None:
        may_write.wait(5)
        written.append(value)

    writer: LatestWriter[int] = LatestWriter(write, name="test")
    writer.put(1)
    await asyncio.sleep(0)
    for value in range(2, 50):
        writer.put(value)
        await asyncio.sleep(0)
    may_write.set()
    await writer.settled(5.0)
    assert written[-1] == 49
    assert len(written) <= 2


async def test_a_writer_that_never_wrote_is_settled() -> None:
    await LatestWriter(lambda value: None, name="test").settled(0.1)
