"""One inbound port in each of its modes: who is served, who is not, and what is said of it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from proxy.contract.snapshot import Caller, TlsMode
from proxy.settings import HostPort
from proxy.sniff import HANDSHAKE_FAILURE
from tests.harness.authority import TRUST_DOMAIN
from tests.integration.proxy import bolt
from tests.integration.proxy.guarded import (
    FOREIGN,
    Guarded,
    anonymous_context,
    application,
    caller_context,
    guarded,
    mismatched_context,
    odd_context,
    uri_of,
)
from tests.integration.proxy.http2_peers import GET, Peer
from tests.integration.proxy.rig import body_of, origin, read_answer, run, status_of, until

ASK = b"GET /x HTTP/1.1\r\nHost: order\r\n\r\n"
FRONT = uri_of("front")


@asynccontextmanager
async def connected(
    stage: Guarded, tls: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await (stage.dial() if tls is None else stage.dial_tls(tls))
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask_http1(stage: Guarded, tls: ssl.SSLContext | None) -> bytes:
    async with connected(stage, tls) as (reader, writer):
        writer.write(ASK)
        head, body = await read_answer(reader)
        return head + body


async def ask_http2(stage: Guarded, tls: ssl.SSLContext | None) -> int:
    async with connected(stage, tls) as (reader, writer):
        return (await Peer(reader, writer, client=True).answer(GET)).status


async def ask_bolt(stage: Guarded, tls: ssl.SSLContext | None) -> bolt.Seen:
    async with connected(stage, tls) as streams:
        return await bolt.Caller(*streams).ask(bolt.request(7, b"content"))


async def ask_tcp(stage: Guarded, tls: ssl.SSLContext | None) -> bytes:
    async with connected(stage, tls) as (reader, writer):
        writer.write(b"\x00anything")
        return await reader.readexactly(9)


@pytest.mark.parametrize("mode", ["permissive", "preferred"])
def test_one_port_serves_plaintext_and_tls_of_every_protocol_at_once(mode: TlsMode) -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, mode) as stage:
            for speaks, tls in [
                ("http1", None),
                ("http1", caller_context()),
            ] * 2:
                assert status_of(await ask_http1(stage, tls)) == 200, speaks
            for tls in (None, caller_context(speaks="http2")):
                assert await ask_http2(stage, tls) == 200
            for tls in (None, caller_context(speaks="bolt")):
                assert (await ask_bolt(stage, tls)).content == b"content"
            for tls in (None, caller_context(speaks="tcp")):
                assert await ask_tcp(stage, tls) == b"\x00anything"
            assert stage.gate.refusals.counts == {}
            assert list(stage.gate.sources) == ["127.0.0.1"]

    run(scene())


def test_both_kinds_are_open_at_once_and_counted_apart() -> None:
    async def scene() -> None:
        async with (
            application() as port,
            guarded(port, "permissive") as stage,
            connected(stage, None) as plain,
            connected(stage, caller_context()) as encrypted,
        ):
            for reader, writer in (plain, encrypted):
                writer.write(ASK)
                assert status_of((await read_answer(reader))[0]) == 200
            assert stage.listener.open_callers == (1, 1)
            (known,) = (caller for caller in stage.listener.callers if caller.encrypted)
            assert known.peer is not None
            assert known.peer.who.uri == FRONT

    run(scene())


def test_strict_serves_tls_and_answers_plaintext_in_its_own_protocol(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "strict") as stage:
            assert status_of(await ask_http1(stage, caller_context())) == 200
            refused = await ask_http1(stage, None)
            assert status_of(refused) == 403
            assert b"x-mesh-flag: UAEX" in refused
            assert b"connection: close" in refused.lower()
            assert b"Plaintext is not taken here" in body_of(refused)
            assert await ask_http2(stage, None) == 403
            assert (await ask_bolt(stage, None)).status == 1
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await ask_tcp(stage, None)
            assert stage.gate.refusals.counts == {"plaintext": 4}
            assert stage.listener.refusals == {"UAEX": 4}

    run(scene())
    assert caplog.text.count("inbound refused 127.0.0.1: it speaks plaintext") == 1


ODD: dict[str, tuple[str, Callable[[], ssl.SSLContext], str]] = {
    "expired": ("expired", lambda: odd_context(FRONT, life=-timedelta(minutes=1)), "has expired"),
    "foreign": ("foreign_ca", lambda: odd_context(FRONT, FOREIGN), "does not trust"),
    "console": (
        "wrong_identity",
        lambda: odd_context(f"spiffe://{TRUST_DOMAIN}/discovery"),
        "is not an instance identity",
    ),
    "mismatch": ("key_mismatch", lambda: mismatched_context(FRONT), "its key is not the one"),
    "nobody": ("no_certificate", anonymous_context, "it showed no certificate"),
}


@pytest.mark.parametrize("mode", ["strict", "permissive"])
@pytest.mark.parametrize("kind", ODD)
def test_who_cannot_prove_to_be_a_sidecar_is_refused_and_the_log_says_why(
    kind: str, mode: TlsMode, caplog: pytest.LogCaptureFixture
) -> None:
    reason, context, words = ODD[kind]

    async def scene() -> None:
        async with application() as port, guarded(port, mode) as stage:
            for _ in range(2):
                with pytest.raises((OSError, asyncio.IncompleteReadError)):
                    await ask_http1(stage, context())
            await until(lambda: stage.gate.refusals.counts == {reason: 2})
            assert status_of(await ask_http1(stage, caller_context())) == 200

    run(scene())
    lines = [one for one in caplog.messages if one.startswith("inbound refused 127.0.0.1: ")]
    assert len(lines) == 1
    assert words in lines[0]


def test_calls_that_were_led_here_by_the_kernel_are_met_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        async with application() as port:

            def destination(_own: object) -> HostPort:
                return HostPort("127.0.0.1", port)

            for module in ("door", "original"):
                asked = f"proxy.interception.{module}.original_destination"
                monkeypatch.setattr(asked, destination)
            async with guarded(port, "permissive", intercepts=True) as stage:
                for tls in (None, caller_context()):
                    assert status_of(await ask_http1(stage, tls)) == 200
                    assert await ask_tcp(stage, tls) == b"\x00anything"
                stage.follow("strict", callers=(Caller(app="front"),), callers_mode="enforce")
                assert status_of(await ask_http1(stage, None)) == 403
                assert status_of(await ask_http1(stage, caller_context("front"))) == 200
                assert status_of(await ask_http1(stage, caller_context("stock"))) == 403
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await ask_tcp(stage, caller_context("stock", speaks="tcp"))

    run(scene())


def test_plaintext_refuses_tls_in_words_of_tls(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with application() as port:
            for speaks in ("auto", "http1", "bolt"):
                async with guarded(port, "plaintext", speaks=speaks) as stage:
                    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
                        await stage.dial_tls(caller_context())
                    assert stage.gate.refusals.counts == {"tls": 1}
            async with guarded(port, "plaintext") as stage:
                assert status_of(await ask_http1(stage, None)) == 200

    run(scene())
    assert "the mode here is plaintext" in caplog.text


def test_a_sidecar_without_a_certificate_goes_on_in_plaintext(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "preferred", certified=False) as stage:
            assert status_of(await ask_http1(stage, None)) == 200
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await ask_http1(stage, caller_context())
            assert stage.gate.refusals.counts == {"no_identity": 1}

    run(scene())
    assert "this sidecar has no certificate yet" in caplog.text


def test_who_says_nothing_holds_up_nobody_and_may_speak_later() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            quiet = [await stage.dial() for _ in range(20)]
            await until(lambda: len(stage.listener.unknown) == 20)
            assert stage.listener.open_callers == (0, 0)
            assert status_of(await ask_http1(stage, caller_context())) == 200
            assert status_of(await ask_http1(stage, None)) == 200
            for reader, writer in quiet:
                writer.write(ASK)
                assert status_of((await read_answer(reader))[0]) == 200
                writer.close()

    run(scene())


def test_at_a_port_whose_server_speaks_first_silence_is_soon_taken_for_plaintext() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await reader.read(-1)

    async def scene() -> None:
        async with origin(greet) as port, guarded(port, "permissive", speaks="tcp") as stage:
            for tls in (None, caller_context(speaks="tcp")):
                async with connected(stage, tls) as (reader, _):
                    assert await reader.readline() == b"220 ready\r\n"

    run(scene())


def test_tls_that_begins_too_late_is_refused_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.inbound.peek.PEEK_SECONDS", 0.1)

    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            reader, writer = await stage.dial()
            await until(lambda: stage.listener.open_callers == (1, 0))
            writer.write(b"\x16\x03\x01\x00\x05hello")
            assert await reader.read(-1) == HANDSHAKE_FAILURE
            writer.close()
            assert stage.gate.refusals.counts == {"tls": 1}

    run(scene())
    assert "it began TLS so late" in caplog.text


def test_in_strict_who_says_nothing_is_left_after_a_while(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.inbound.peek.PEEK_SECONDS", 0.3)

    async def scene() -> None:
        async with application() as port, guarded(port, "strict") as stage:
            reader, writer = await stage.dial()
            assert await reader.read(-1) == b""
            writer.close()
            assert stage.gate.refusals.counts == {"timeout": 1}

    run(scene())
    assert "it said nothing" in caplog.text


def test_a_handshake_that_does_not_go_on_is_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.inbound.peek.HANDSHAKE_SECONDS", 0.3)

    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            reader, writer = await stage.dial()
            writer.write(b"\x16\x03\x01")
            assert await reader.read(-1) == b""
            writer.close()
            await until(lambda: stage.gate.refusals.counts == {"timeout": 1})

    run(scene())
    assert "did not come to an end in time" in caplog.text


def test_a_caller_that_goes_away_unheard_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "strict") as stage:
            _, writer = await stage.dial()
            await until(lambda: stage.listener.unknown)
            writer.close()
            await until(lambda: not stage.listener.callers)
            assert stage.gate.refusals.counts == {}

    with caplog.at_level(logging.INFO, "proxy.encryption"):
        run(scene())
    assert "inbound refused" not in caplog.text
