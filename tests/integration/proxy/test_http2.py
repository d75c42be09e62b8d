"""HTTP/2 callers and upstreams, in every mixture with HTTP/1.1."""

from __future__ import annotations

import asyncio

from h2.errors import ErrorCodes

from proxy.http2.frames import ACK, PING, RST_STREAM
from tests.integration.proxy.http2_peers import (
    GET,
    Peer,
    Said,
    client,
    echo,
    head,
    http2_origin,
    to,
)
from tests.integration.proxy.http2_raw import frame, headers, raw
from tests.integration.proxy.rig import (
    always,
    body_of,
    ok,
    origin,
    read_head,
    read_request,
    relay,
    run,
    status_of,
)


def test_a_request_and_its_answer_pass_from_http2_to_http2() -> None:
    async def scene() -> None:
        async with (
            http2_origin(echo) as port,
            relay(choice=to(port), speaks="auto") as stage,
            client(stage) as caller,
        ):
            said = await caller.answer(head("POST", "/x/1"), b"content")
            assert (said.status, said.content, said.value("x-path")) == (200, b"content", b"/x/1")
            assert (await caller.answer(GET)).content == b""

    run(scene())


def test_a_request_is_written_anew_for_an_http1_upstream() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request, body = await read_request(reader)
            heads.append(request)
            writer.write(ok(body, "X-Way: back"))

    async def scene() -> None:
        async with (
            origin(serve) as port,
            relay(choice=to(port, protocol="http1"), speaks="auto") as stage,
            client(stage) as caller,
        ):
            crumbs = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"te", b"trailers")]
            said = await caller.answer([*head("POST", "/p?q=1"), *crumbs], b"12345")
            assert (said.status, said.content) == (200, b"12345")
            assert said.value("x-way") == b"back"
        lines = heads[0].split(b"\r\n")
        assert lines[0] == b"POST /p?q=1 HTTP/1.1"
        assert b"host: upstream" in lines
        assert b"cookie: a=1; b=2" in lines
        assert b"transfer-encoding: chunked" in lines
        assert not any(line.startswith((b"te:", b":")) for line in lines)

    run(scene())


def test_an_http1_caller_reaches_an_http2_upstream() -> None:
    async def scene() -> None:
        async with (
            http2_origin(echo) as port,
            relay(choice=to(port), speaks="auto") as stage,
        ):
            answer = await stage.ask("POST /p HTTP/1.1\nHost: upstream\nContent-Length: 4", b"body")
            assert status_of(answer) == 200
            assert b"x-path: /p" in answer
            assert b"4\r\nbody\r\n0\r\n\r\n" in answer
            empty = await stage.ask("GET /e HTTP/1.1\nHost: upstream")
            assert b"content-length: 0" in empty
            assert body_of(empty) == b""

    run(scene())


def test_many_streams_share_one_connection_upstream() -> None:
    async def scene() -> None:
        async with (
            http2_origin(echo) as port,
            relay(choice=(choice := to(port)), speaks="auto") as stage,
            client(stage) as caller,
        ):
            await caller.answer(GET)
            streams = [caller.ask(head("GET", f"/{n}")) for n in range(50)]
            for n, stream_id in enumerate(streams):
                assert (await caller.over(stream_id)).value("x-path") == b"/%d" % n
            assert choice.members[0].opened == 1

    run(scene())


def test_trailers_and_the_wish_for_them_pass_both_ways() -> None:
    asked: list[Said] = []

    async def trailing(peer: Peer, stream_id: int, said: Said) -> None:
        asked.append(said)
        peer.h2.send_headers(stream_id, [(b":status", b"200")])
        peer.h2.send_data(stream_id, b"content")
        peer.h2.send_headers(
            stream_id, [(b"grpc-status", b"0"), (b"content-length", b"9")], end_stream=True
        )

    async def scene() -> None:
        async with (
            http2_origin(trailing) as port,
            relay(choice=to(port), speaks="auto") as stage,
            client(stage) as caller,
        ):
            stream_id = caller.ask(head("POST", "/", ("te", "trailers")), end=False)
            caller.send(stream_id, b"question")
            caller.h2.send_headers(stream_id, [(b"x-sum", b"8")], end_stream=True)
            caller.flush()
            said = await caller.over(stream_id)
            assert (said.content, said.trailers) == (b"content", [(b"grpc-status", b"0")])
            assert asked[0].value("te") == b"trailers"
            assert (asked[0].content, asked[0].trailers) == (b"question", [(b"x-sum", b"8")])

    run(scene())


def test_interim_answers_pass() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + ok(b"done"))

    async def scene() -> None:
        async with (
            origin(serve) as port,
            relay(choice=to(port, protocol="http1"), speaks="auto") as stage,
            client(stage) as caller,
        ):
            said = await caller.answer(GET)
            assert (said.interims, said.status, said.content) == ([b"103"], 200, b"done")

    run(scene())


def test_an_answer_to_head_has_its_length_and_no_content() -> None:
    async def scene() -> None:
        async with (
            origin(always(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n")) as port,
            relay(choice=to(port, protocol="http1"), speaks="auto") as stage,
            client(stage) as caller,
        ):
            said = await caller.answer(head("HEAD"))
            assert (said.status, said.value("content-length"), said.content) == (200, b"7", b"")

    run(scene())


def test_a_caller_that_does_not_read_holds_up_nobody_else() -> None:
    body = b"x" * 300_000

    async def scene() -> None:
        async with (
            origin(always(ok(body))) as port,
            relay(choice=to(port, protocol="http1"), speaks="auto") as stage,
            client(stage) as slow,
            client(stage) as quick,
        ):
            slow.takes = False
            stream_id = slow.ask(GET)
            await slow.pump(lambda: len(slow.said[stream_id].content) == 65_535)
            assert len((await quick.answer(GET)).content) == len(body)
            slow.takes = True
            slow.h2.increment_flow_control_window(len(body))
            slow.h2.increment_flow_control_window(len(body), stream_id)
            slow.flush()
            assert (await slow.over(stream_id)).content == body

    run(scene())


def test_an_upload_waits_for_an_upstream_that_takes_nothing() -> None:
    let = asyncio.Event()
    taken: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await let.wait()
        size = 0
        while line := int((await reader.readline()).strip(), 16):
            size += len(await reader.readexactly(line))
            await reader.readexactly(2)
        taken.append(size)
        writer.write(ok(b"taken"))

    async def scene() -> None:
        async with (
            origin(serve) as port,
            relay(choice=to(port, protocol="http1"), speaks="auto", seconds=15) as stage,
            client(stage) as caller,
        ):
            stream_id = caller.ask(head("POST"), end=False)
            sent = 0
            while sent < 8_000_000 and caller.h2.local_flow_control_window(stream_id) > 0:
                size = min(16_384, caller.h2.local_flow_control_window(stream_id))
                caller.send(stream_id, b"x" * size)
                sent += size
                if caller.h2.local_flow_control_window(stream_id) == 0:
                    try:
                        async with asyncio.timeout(0.5):
                            await caller.step()
                    except TimeoutError:
                        break
            assert sent < 8_000_000, "the windows never closed"
            let.set()
            await caller.pump(lambda: caller.h2.local_flow_control_window(stream_id) > 0)
            caller.send(stream_id, b"", end=True)
            assert (await caller.over(stream_id)).content == b"taken"
            assert taken == [sent]

    run(scene())


def test_a_refused_stream_goes_elsewhere_even_a_post() -> None:
    seen: list[int] = []

    async def moody(peer: Peer, stream_id: int, said: Said) -> None:
        seen.append(stream_id)
        if len(seen) == 1:
            peer.h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        else:
            await echo(peer, stream_id, said)

    async def scene() -> None:
        async with (
            http2_origin(moody) as port,
            relay(choice=to(port), speaks="auto") as stage,
            client(stage) as caller,
        ):
            said = await caller.answer(head("POST", "/again"))
            assert (said.status, said.value("x-path")) == (200, b"/again")
            assert len(seen) == 2

    run(scene())


def test_what_a_leaving_upstream_did_not_touch_goes_to_another_connection() -> None:
    connections: list[Peer] = []

    async def leaving(peer: Peer, stream_id: int, said: Said) -> None:
        if peer not in connections:
            connections.append(peer)
        if len(connections) == 1:
            peer.h2.close_connection(last_stream_id=0)
            peer.flush()
            peer.closed = True
        else:
            await echo(peer, stream_id, said)

    async def scene() -> None:
        async with (
            http2_origin(leaving) as port,
            relay(choice=to(port), speaks="auto") as stage,
            client(stage) as caller,
        ):
            said = await caller.answer(head("POST", "/later"))
            assert (said.status, said.value("x-path")) == (200, b"/later")
            assert len(connections) == 2

    run(scene())


def test_a_draining_relay_lets_streams_finish_and_says_which_was_the_last() -> None:
    let, asked = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        asked.set()
        await let.wait()
        writer.write(ok(b"late"))

    async def scene() -> None:
        async with (
            origin(serve) as port,
            relay(choice=to(port, protocol="http1"), speaks="auto") as stage,
            raw(stage) as caller,
        ):
            await caller.greet()
            caller.say(headers(1))
            await asked.wait()
            stage.server.start_draining()
            ping = await caller.kind(PING)
            assert ping is not None
            assert caller.goaways == [(0, 2**31 - 1)]
            caller.say(headers(3), frame(PING, ACK, 0, ping.payload))
            await caller.until(lambda _got: len(caller.goaways) == 2)
            assert caller.goaways[1] == (0, 3)
            caller.say(headers(5))
            refused = await caller.answer(5)
            assert refused is not None
            assert (refused.kind, refused.code) == (RST_STREAM, ErrorCodes.REFUSED_STREAM)
            let.set()
            await caller.answer(1)
            await caller.answer(3)
            assert (caller.content(1), caller.content(3)) == (b"late", b"late")
            await caller.ended()

    run(scene())


def test_an_upstream_that_speaks_http1_only_is_told_apart() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(24)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async def scene() -> None:
        async with (
            origin(serve) as port,
            relay(choice=to(port), speaks="auto") as stage,
            client(stage) as caller,
        ):
            said = await caller.answer(GET)
            assert said.status == 502
            assert b"HTTP/1.1 and not HTTP/2" in said.content

    run(scene())


def test_a_refusal_tells_a_grpc_caller_in_its_own_words() -> None:
    async def scene() -> None:
        async with relay(choice=to(1), speaks="auto") as stage, client(stage) as caller:
            said = await caller.answer(head("POST", "/", ("content-type", "application/grpc")))
            assert (said.status, said.value("grpc-status")) == (200, b"14")
            assert said.value("x-mesh-flag") == b"UF"
            assert b"Cannot connect" in (said.value("grpc-message") or b"")
            assert (await caller.answer(GET)).status == 503

    run(scene())


def test_a_caller_that_cancels_lets_go_of_the_upstream() -> None:
    asked, reset = asyncio.Event(), asyncio.Event()
    codes: list[int | None] = []

    async def silent(peer: Peer, stream_id: int, said: Said) -> None:
        asked.set()
        await peer.pump(lambda: said.reset is not None)
        codes.append(said.reset)
        reset.set()

    async def scene() -> None:
        async with (
            http2_origin(silent) as port,
            relay(choice=(choice := to(port)), speaks="auto") as stage,
            client(stage) as caller,
        ):
            stream_id = caller.ask(GET)
            await asked.wait()
            caller.h2.reset_stream(stream_id, ErrorCodes.CANCEL)
            caller.flush()
            await reset.wait()
            assert codes == [ErrorCodes.CANCEL]
            assert choice.members[0].stats.in_flight == 0

    run(scene())
