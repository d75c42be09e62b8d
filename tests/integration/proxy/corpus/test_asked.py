"""Every request of the corpus is refused, or reaches the origin as what it must be."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.integration.proxy.corpus.framing import FRAMING
from tests.integration.proxy.corpus.heads import HEADS
from tests.integration.proxy.corpus.judges import Read, agreed, read
from tests.integration.proxy.corpus.vector import Asked
from tests.integration.proxy.rig import Serve, Stage, origin, relay, run

PROBE = b"GET /probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
PROBED = Read(b"GET", b"/probe", b"")
TRACE = re.compile(rb"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n")
ANSWERS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


class Origin:
    """Remembers every byte of each connection and answers what it reads in them."""

    def __init__(self) -> None:
        self.connections: list[bytearray] = []

    def serve(self) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard = bytearray()
            self.connections.append(heard)
            rest = b""
            while data := await reader.read(1 << 18):
                heard += data
                asked, rest = read(rest + data)
                for one in asked:
                    writer.write(
                        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-of: %b\r\n\r\n" % one.target
                    )

        return serve

    def taken(self) -> list[bytes]:
        """What came since the last time, by connection, without the traces."""
        since = [TRACE.sub(b"", bytes(heard)) for heard in self.connections if heard]
        for heard in self.connections:
            heard.clear()
        return since


async def _judge(stage: Stage, peer: Origin, one: Asked) -> str | None:
    """What is wrong with what came of it."""
    answer = await stage.say(one.sent + PROBE)
    probes = 0 if one.is_refused or one.ends else 1
    statuses = [int(status) for status in ANSWERS.findall(answer)]
    seen = b"".join(peer.taken())
    if one.is_refused:
        if answer.count(b"x-mesh-flag: DPE") != 1 or b"connection: close" not in answer:
            return f"was not refused: {answer[:200]!r}"
        if agreed(seen) != []:
            return f"was refused, and still the origin read {seen!r}"
    else:
        if seen != (one.seen or b"") + TRACE.sub(b"", _canonical_probe()) * probes:
            return f"became {seen!r}"
        if agreed(seen) is None:
            return f"is read differently by different readers: {seen!r}"
    if len(statuses) != one.answers + probes:
        return f"had {len(statuses)} answers: {answer[:400]!r}"
    await stage.say(PROBE)
    if [agreed(seen) for seen in peer.taken()] != [[PROBED]]:
        return "left something for the next request"
    return None


def _canonical_probe() -> bytes:
    return PROBE.replace(b"Connection: close\r\n", b"")


@pytest.mark.parametrize("family", ["heads", "framing"])
def test_what_is_ambiguous_is_refused_and_what_is_valid_arrives_as_it_must(family: str) -> None:
    vectors = {"heads": HEADS, "framing": FRAMING}[family]
    wrong: list[str] = []

    async def scene() -> None:
        peer = Origin()
        async with origin(peer.serve()) as port, relay(port) as stage:
            for one in vectors:
                fault = await _judge(stage, peer, one)
                if fault:
                    wrong.append(f"{one.name}: {fault}")

    run(scene())
    assert wrong == [], "\n".join(wrong)


def test_the_corpus_is_as_large_as_it_says_and_names_each_entry_once() -> None:
    names = [one.name for one in (*HEADS, *FRAMING)]
    assert len(names) >= 600
    assert len(set(names)) == len(names)
