"""One push for many: every stream is offered the head, and the loop is let go in between."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from websockets.exceptions import ConnectionClosed

from meshconsole.discovery.bundles import Frame, Shelf
from meshconsole.discovery.heads import Head
from meshconsole.discovery.streams import Stream
from proxy.aio import spawn

SENDS_BEFORE_YIELD = 256


class FanOut:
    """Offers streams what they lack; a slow reader holds up only its own push."""

    def __init__(
        self,
        streams: Mapping[str, Stream],
        shelf: Shelf,
        counts: Counter[str],
        head: Callable[[], Head],
        changed: Callable[[str], None],
    ) -> None:
        self._streams = streams
        self._shelf = shelf
        self._counts = counts
        self._head = head
        self._changed = changed
        self._due = asyncio.Event()

    def head_changed(self) -> None:
        """Offer it to everybody soon."""
        self._due.set()

    async def run(self) -> None:
        """Offer every new head to every stream."""
        while True:
            await self._due.wait()
            self._due.clear()
            for at, stream in enumerate(list(self._streams.values()), start=1):
                self.offer(stream)
                if at % SENDS_BEFORE_YIELD == 0:
                    await asyncio.sleep(0)

    def wanted(self, head: Head) -> Iterable[str]:
        """The digests that this shard's streams need of a head."""
        variants = {stream.variant for stream in self._streams.values()}
        return [head.variants[variant] for variant in variants if variant in head.variants]

    def offer(self, stream: Stream) -> None:
        """Send a stream what it lacks, if anything, and unless a push is under way."""
        before = stream.v
        frame = stream.next_frame(self._head(), self._shelf, time.monotonic())
        if frame is not None:
            self._counts["pushes"] += 1
            stream.at = time.time()
            self._changed(stream.node.id)
            spawn(self._pushed(stream, frame), name="discovery-push")
        elif stream.v != before:
            self._changed(stream.node.id)

    async def _pushed(self, stream: Stream, frame: Frame) -> None:
        try:
            await stream.connection.send(frame.data, text=True)
        except ConnectionClosed:
            self._counts["pushes_cut"] += 1
