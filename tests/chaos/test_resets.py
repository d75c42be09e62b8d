"""Endpoints that reset at every byte: of their answer, of the request's body, and before either.

Of three endpoints behind a proxy process, the first that is asked for a path resets, and any other
answers. So whoever may be asked again must be, and whoever may not must hear why.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from proxy.aio import spawn
from tests.chaos.counted import GETTING, HOST, POSTING, Caller, Said, heard, load, meshed, stats_of
from tests.integration.proxy.rig import (
    LOOPBACK,
    PATIENCE_SECONDS,
    ok,
    origin,
    read_head,
    reset,
    run,
    until,
)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"0123456789"


def answer(shape: str, path: bytes) -> bytes:
    """An answer that says what was asked, framed in one of three ways."""
    half = len(path) // 2
    if shape == "chunked":
        parts = b"".join(b"%x\r\n%b\r\n" % (len(x), x) for x in (path[:half], path[half:]))
        return CHUNKED + parts + b"0\r\nX-Sum: 1\r\n\r\n"
    return ok(path) if shape == "length" else b"HTTP/1.1 200 OK\r\n\r\n" + path


def cut(writer: asyncio.StreamWriter, data: bytes = b"") -> None:
    """Say these bytes, and no more: past the event loop, so that they leave before the reset."""
    if data:
        assert os.write(writer.get_extra_info("socket").fileno(), data) == len(data)
    reset(writer)


class Endpoint:
    """Resets for a path that nobody has seen, as the path says; answers for the others."""

    def __init__(self, seen: Counter[bytes]) -> None:
        self._seen = seen

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await read_head(reader)
            path = head.split(b" ", 2)[1]
            self._seen[path] += 1
            _, kind, *more = path.decode().split("/")
            shape, at = more[:2] if kind in ("answer", "body") else ("length", "0")
            if kind == "body":
                await reader.readexactly(int(at))
                cut(writer)
                return
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length[1]) if length else 0)
            whole = answer(shape, path)
            if kind == "answer" and self._seen[path] == 1:
                cut(writer, whole[: int(at)])
                return
            writer.write(whole)
            if shape == "end":
                return


@asynccontextmanager
async def three(seen: Counter[bytes]) -> AsyncIterator[list[int]]:
    """Three such endpoints."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(origin(Endpoint(seen))) for _ in range(3)]


def every_offset(shape: str, method: str) -> list[str]:
    """Paths that reset an answer before and after each of its bytes."""
    length = len(answer(shape, f"/answer/{shape}/000/{method}".encode()))
    return [f"/answer/{shape}/{at:03}/{method}" for at in range(length + 1)]


async def asked(port: int, method: str, paths: Iterable[str], said: dict[str, Said]) -> None:
    """Ask for one after another on a connection that is kept while it may be."""
    caller = Caller(port)
    for path in paths:
        said[path] = await caller.ask(method, path, BODY if method == "POST" else b"")
    caller.close()


def judge(method: str, path: str, said: Said, seen: int) -> None:
    """Is what was heard honest, and was it asked for no more often than it may be?"""
    _, _, shape, at, *_ = path.split("/")
    whole = answer(shape, path.encode())
    begun = whole.index(b"\r\n\r\n") + 4 <= int(at)
    ended = int(at) == len(whole) and shape != "end"  # the end of an answer without one is a FIN
    if ended or (method == "GET" and not begun):
        assert (said.status, said.body, said.whole) == (200, path.encode(), True)
        assert seen == (1 if ended else 2)
        return
    assert seen == 1
    if begun:
        assert not said.whole
        assert said.status in (0, 200)
        assert path.encode().startswith(said.body)
    else:
        assert said.is_refusal
        assert (said.status, said.flag) == (503, "UC")


@pytest.mark.parametrize("shape", ["length", "chunked", "end"])
def test_an_answer_that_is_reset_at_any_byte_is_repeated_or_refused_or_visibly_cut(
    tmp_path: Path, shape: str
) -> None:
    seen: Counter[bytes] = Counter()
    said: dict[str, Said] = {}

    async def scene() -> None:
        async with three(seen) as ports:
            with meshed(tmp_path, *ports) as running:
                await asyncio.gather(
                    *(
                        spawn(asked(running.port, method, paths[n::most], said), name=method)
                        for method, paths, most in jobs
                        for n in range(most)
                    )
                )
                assert stats_of(running).door.retries_refused == 0

    gets, posts = every_offset(shape, "GET"), every_offset(shape, "POST")
    jobs = (("GET", gets, GETTING), ("POST", posts, POSTING))
    run(scene())
    assert said.keys() == {*gets, *posts} == {path.decode() for path in seen}
    for path, one in said.items():
        judge(path.rpartition("/")[2], path, one, seen[path.encode()])


def framed(framing: str, content: bytes, done: bool) -> bytes:
    """A part of a request's body, as the proxy writes it too."""
    if framing == "length":
        return content
    part = b"%x\r\n%b\r\n" % (len(content), content) if content else b""
    return part + b"0\r\n\r\n" if done else part


async def told(port: int, framing: str, content: bytes, at: int) -> tuple[str, Said]:
    """Say this much of a body, which is reset after `at` bytes of it, and then more than all."""
    path = f"/body/{framing}/{at}/{len(content)}"
    field = "Transfer-Encoding: chunked" if framing == "chunked" else f"Content-Length: {len(BODY)}"
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{field}\r\n\r\n"
    writer.write(head.encode() + framed(framing, content, content == BODY))
    async with asyncio.timeout(PATIENCE_SECONDS):
        said, stays = await heard(reader)
        assert not stays
        with suppress(ConnectionError):
            rest = framed(framing, BODY[len(content) :], True) if content != BODY else b""
            writer.write(rest + f"GET /next HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert await reader.read(-1) == b"", "what follows a refusal was taken for a request"
    writer.close()
    return path, said


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_is_reset_at_any_byte_is_sent_once_and_nothing_of_it_becomes_a_request(
    tmp_path: Path, framing: str
) -> None:
    seen: Counter[bytes] = Counter()
    wire = framed(framing, BODY, True)
    cases = [(BODY, at) for at in range(len(wire) + 1)]
    parts = [BODY[:n] for n in range(len(BODY))]
    cases += [(part, len(framed(framing, part, False))) for part in parts]

    async def scene() -> None:
        async with three(seen) as ports:
            with meshed(tmp_path, *ports) as running:
                told_all = await asyncio.gather(
                    *(told(running.port, framing, content, at) for content, at in cases)
                )
        for _, said in told_all:
            assert said.is_refusal
            assert (said.status, said.flag) == (503, "UC")
        assert seen == {path.encode(): 1 for path, _ in told_all}

    run(scene())


def test_an_endpoint_that_resets_whoever_connects_costs_nobody_a_repeatable_request(
    tmp_path: Path,
) -> None:
    seen: Counter[bytes] = Counter()
    most = 60

    async def slams(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async def scene() -> None:
        async with three(seen) as (one, other, _), origin(slams) as slamming:
            with meshed(tmp_path, one, slamming, other) as running:
                async with load(running, most) as under:
                    await until(lambda: len(under.said) == 2 * most)
                for path, said in under.said.items():
                    is_get = path.startswith("/get/")
                    assert said.whole
                    if said.is_refusal:
                        assert (is_get, said.flag, seen[path.encode()]) == (False, "UC", 0)
                    else:
                        assert (said.status, said.body) == (200, path.encode())
                        assert seen[path.encode()] == 1
                assert stats_of(running).door.retries_refused == 0

    run(scene())
