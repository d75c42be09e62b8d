"""`ALLOW app=... unit=...`: who is not on the list is refused in the words of its protocol."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import msgspec
import pytest

from proxy.access_log import AccessLog
from proxy.contract.snapshot import Caller
from tests.integration.proxy import bolt
from tests.integration.proxy.guarded import (
    FOREIGN,
    Guarded,
    application,
    caller_context,
    guarded,
    uri_of,
)
from tests.integration.proxy.http2_peers import GET, Peer, head
from tests.integration.proxy.rig import body_of, read_answer, run, status_of, until

ASK = b"GET /x HTTP/1.1\r\nHost: order\r\n\r\n"
ONLY_FRONT = (Caller(app="front"),)


async def ask(stage: Guarded, tls: ssl.SSLContext | None) -> bytes:
    reader, writer = await (stage.dial() if tls is None else stage.dial_tls(tls))
    writer.write(ASK)
    said, body = await read_answer(reader)
    writer.close()
    return said + body


def test_over_http1_it_is_403_with_a_flag_and_a_sentence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            stage.follow("permissive", callers=ONLY_FRONT, callers_mode="enforce")
            assert status_of(await ask(stage, caller_context("front"))) == 200
            refused = await ask(stage, caller_context("stock"))
            assert status_of(refused) == 403
            assert b"x-mesh-flag: UAEX" in refused
            assert b"connection: close" not in refused.lower()
            sentence = f"'{uri_of('stock')}' is not among those who may call 'order'."
            assert body_of(refused).decode().strip() == sentence
            nameless = await ask(stage, None)
            assert status_of(nameless) == 403
            assert b"A caller without a certificate" in body_of(nameless)
            assert stage.gate.callers.denied == {"observe": 0, "enforce": 2}
            assert stage.listener.refusals == {"UAEX": 2}

    run(scene())
    assert f"inbound refused {uri_of('stock')}: it is not among the callers" in caplog.text
    assert "inbound refused a caller without a certificate at 127.0.0.1" in caplog.text


def test_over_http2_it_is_403_and_over_grpc_permission_denied() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "strict") as stage:
            stage.follow("strict", callers=ONLY_FRONT, callers_mode="enforce")
            for app, status, code in (("front", 200, None), ("stock", 403, b"7")):
                context = caller_context(app, speaks="http2")
                reader, writer = await stage.dial_tls(context)
                peer = Peer(reader, writer, client=True)
                assert (await peer.answer(GET)).status == status
                call = await peer.answer(
                    head("POST", "/a.B/C", ("content-type", "application/grpc"))
                )
                assert call.status == 200
                assert call.value("grpc-status") == code
                writer.close()

    run(scene())


def test_over_bolt_it_is_an_error_and_over_tcp_the_end() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "strict") as stage:
            stage.follow("strict", callers=ONLY_FRONT, callers_mode="enforce")
            for app, status in (("front", 0), ("stock", 1)):
                reader, writer = await stage.dial_tls(caller_context(app, speaks="bolt"))
                assert (await bolt.Caller(reader, writer).ask(bolt.request(1))).status == status
                writer.close()
            reader, writer = await stage.dial_tls(caller_context("stock", speaks="tcp"))
            writer.write(b"\x00hello")
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await reader.readexactly(6)
            writer.close()

    run(scene())


def test_what_is_only_observed_is_served_counted_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            stage.follow("permissive", callers=ONLY_FRONT, callers_mode="observe")
            for tls in (caller_context("front"), caller_context("stock"), None):
                assert status_of(await ask(stage, tls)) == 200
            assert stage.gate.callers.denied == {"observe": 2, "enforce": 0}
            assert stage.listener.refusals == {}

    run(scene())
    assert caplog.text.count("inbound would refuse") == 2


def test_open_connections_are_judged_again_when_the_list_changes() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "strict") as stage:
            reader, writer = await stage.dial_tls(caller_context("stock"))
            sessions = [
                await stage.dial_tls(caller_context(app, speaks="tcp"))
                for app in ("stock", "front")
            ]
            for each, to in sessions:
                to.write(b"\x00hello")
                assert await each.readexactly(6) == b"\x00hello"
            for callers, status in ((ONLY_FRONT, 403), ((Caller(unit="unit1"),), 200)) * 2:
                stage.follow("strict", callers=callers, callers_mode="enforce")
                writer.write(ASK)
                assert status_of((await read_answer(reader))[0]) == status
            stage.follow("strict", callers=ONLY_FRONT, callers_mode="enforce")
            (denied, to_denied), (allowed, to_allowed) = sessions
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await denied.readexactly(1)
            to_allowed.write(b"more")
            assert await allowed.readexactly(4) == b"more"
            for one in (writer, to_denied, to_allowed):
                one.close()

    run(scene())


def test_the_ledger_names_callers_by_their_certificates_and_counts_failed_handshakes() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            for tls in (caller_context("front"), caller_context("stock"), None):
                assert status_of(await ask(stage, tls)) == 200
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await ask(stage, caller_context("front", root=FOREIGN))
            await until(lambda: stage.gate.refusals.counts)
            assert stage.listener.ledger is not None
            rows = {
                (row.app, row.encrypted): (row.completed, row.handshakes_failed)
                for row in stage.listener.ledger.told().edges
            }
            assert rows == {
                ("front", True): (1, 0),
                ("stock", True): (1, 0),
                ("", False): (1, 0),
                ("", True): (0, 1),
            }

    run(scene())


def test_the_access_log_names_who_called(tmp_path: Path) -> None:
    place = tmp_path / "access.log"

    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            stage.listener.access_log = log = AccessLog(str(place), "inbound")
            stage.follow("permissive", callers=ONLY_FRONT, callers_mode="enforce")
            for tls in (caller_context("front"), caller_context("stock"), None):
                await ask(stage, tls)
            await until(lambda: not stage.listener.callers)
            await log.flush()

    run(scene())
    lines = [msgspec.json.decode(line) for line in place.read_bytes().splitlines()]
    said = [
        (line["response_code"], line["response_flags"], line.get("downstream_peer_uri_san"))
        for line in lines
    ]
    assert said == [
        (200, "-", uri_of("front")),
        (403, "UAEX", uri_of("stock")),
        (403, "UAEX", None),
    ]
