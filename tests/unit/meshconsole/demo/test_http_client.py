"""The client keeps connections, never sends twice, and always comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshconsole.demo.http_client import CallFailed, Client
from meshconsole.demo.http_server import Request, Response, json_response, serve


@asynccontextmanager
async def echo(seen: list[Request]) -> AsyncIterator[Client]:
    async def handle(request: Request) -> Response:
        seen.append(request)
        return json_response(200, {"path": request.path, "body": request.body.decode()})

    server = await serve(handle, "127.0.0.1", 0)
    client = Client("127.0.0.1", server.sockets[0].getsockname()[1])
    async with server:
        yield client
        client.close()


@asynccontextmanager
async def raw(answer: bytes) -> AsyncIterator[tuple[Client, list[bytes]]]:
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    client = Client("127.0.0.1", server.sockets[0].getsockname()[1])
    async with server:
        yield client, got
        client.close()


async def test_a_call_carries_method_path_headers_and_body() -> None:
    seen: list[Request] = []
    async with echo(seen) as client:
        answer = await client.call("POST", "/orders", headers=[("host", "order")], body=b"hello")
    assert answer.status == 200
    assert b'"body":"hello"' in answer.body
    assert seen[0].headers["host"] == "order"


async def test_many_calls_at_once_all_get_their_own_answer() -> None:
    seen: list[Request] = []
    async with echo(seen) as client:
        answers = await asyncio.gather(*(client.call("GET", f"/n/{n}") for n in range(100)))
    assert [b'"/n/%d"' % n in each.body for n, each in enumerate(answers)] == [True] * 100


async def test_a_chunked_answer_is_read_whole() -> None:
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
    async with raw(answer) as (client, _):
        assert (await client.call("GET", "/")).body == b"body"


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    async with raw(b"HTTP/1.1 200 OK\r\n\r\nall of it") as (client, _):
        assert (await client.call("GET", "/")).body == b"all of it"


async def test_an_answer_cut_short_is_a_failure_and_is_not_sent_again() -> None:
    async with raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\ncut") as (client, got):
        with pytest.raises(CallFailed):
            await client.call("POST", "/", body=b"x")
    assert len(got) == 1


async def test_no_answer_within_the_time_is_a_failure() -> None:
    async def handle(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    server = await serve(handle, "127.0.0.1", 0)
    client = Client("127.0.0.1", server.sockets[0].getsockname()[1])
    with pytest.raises(CallFailed, match=r"no answer within 0\.05 s"):
        await client.call("GET", "/", timeout_seconds=0.05)
    server.close()


async def test_nobody_listening_is_a_failure() -> None:
    with pytest.raises(CallFailed):
        await Client("127.0.0.1", 1).call("GET", "/")
