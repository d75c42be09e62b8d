"""Every answer of the corpus is one answer, and a doubtful connection serves once."""

from __future__ import annotations

import asyncio
import re
import socket
import struct

from tests.integration.proxy.corpus.answers import ANSWERS
from tests.integration.proxy.corpus.vector import Answered
from tests.integration.proxy.rig import Serve, Stage, ok, origin, read_request, relay, run

MINE = ok(b"mine")
STATUS = re.compile(rb"HTTP/1\.1 [0-9]{3} ").findall


class Origin:
    """Answers as the vector says, then truly."""

    def __init__(self) -> None:
        self.next: Answered | None = None
        self.opened = 0

    def serve(self) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.opened += 1
            while True:
                await read_request(reader)
                answer, self.next = self.next, None
                writer.write(answer.sent if answer else MINE)
                await writer.drain()
                if answer and answer.then == "close":
                    return
                if answer and answer.then == "reset":
                    await _reset(writer)
                    return

        return serve


async def _reset(writer: asyncio.StreamWriter) -> None:
    """Cut it so that the peer sees an error, and no end."""
    for _ in range(5):  # a reset destroys what its peer has not read yet
        await asyncio.sleep(0)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _say(stage: Stage, one: Answered) -> tuple[bytes, bool]:
    """What a caller hears until the connection ends, and was it reset."""
    reader, writer = await stage.dial()
    version = b"HTTP/1.%d" % one.minor
    writer.write(one.method + b" / " + version + b"\r\nHost: a\r\n\r\n")
    heard = b""
    try:
        async with asyncio.timeout(10):
            while len(heard) < len(one.heard or b"") or one.cut or one.heard is None:
                more = await reader.read(1 << 16)
                if not more:
                    return heard, False
                heard += more
                if one.heard is None and b"x-mesh-flag" in heard and b"\n" in heard[-1:]:
                    break
    except ConnectionError:
        return heard, True
    except TimeoutError:
        return b"nothing more for 10 s after " + heard, False
    finally:
        writer.close()
    return heard, False


def _fault(one: Answered, heard: bytes, reset: bool) -> str | None:
    if one.heard is None:
        whole = heard.startswith(b"HTTP/1.1 502 ") and len(STATUS(heard)) == 1
        cut = reset and not heard.endswith(b"0\r\n\r\n") and b"x-second" not in heard
        return None if whole or cut or heard.startswith(b"HTTP/1.1 503") else f"became {heard!r}"
    if one.cut:
        if not reset:
            return f"did not say that it was cut: {heard!r}"
        return None if one.heard.startswith(heard) else f"became {heard!r}"
    return None if heard == one.heard else f"became {heard!r}"


def test_an_answer_is_one_answer_or_is_refused_and_a_doubtful_connection_serves_once() -> None:
    wrong: list[str] = []

    async def scene() -> None:
        peer = Origin()
        async with origin(peer.serve()) as port, relay(port) as stage:
            for one in ANSWERS:
                peer.next = one
                heard, reset = await _say(stage, one)
                opened = peer.opened
                fault = _fault(one, heard, reset)
                if fault:
                    wrong.append(f"{one.name}: {fault}")
                if not (await stage.ask("GET / HTTP/1.1\nHost: a")).endswith(b"\r\n\r\nmine"):
                    wrong.append(f"{one.name}: left something for the next request")
                if (peer.opened == opened) != one.again:
                    wrong.append(f"{one.name}: the connection was {'' if one.again else 'not '}new")

    run(scene())
    assert wrong == [], "\n".join(wrong)


def test_the_corpus_of_answers_names_each_entry_once() -> None:
    assert len({one.name for one in ANSWERS}) == len(ANSWERS) >= 200
