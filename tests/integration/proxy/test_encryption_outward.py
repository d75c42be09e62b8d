"""The way out: which endpoints are dialled with TLS, whom that convinces, and what else serves."""

from __future__ import annotations

import asyncio

import pytest

from proxy import replacing
from proxy.aio import spawn
from proxy.contract.snapshot import Offer
from proxy.encryption import elimination
from tests.integration.proxy import bolt, rig
from tests.integration.proxy.guarded import (
    FOREIGN,
    ROOT,
    application,
    guarded,
    identity_of,
)
from tests.integration.proxy.http2_peers import Peer, head
from tests.integration.proxy.outward import Outbound, outward
from tests.integration.proxy.rig import origin, read_answer, run, status_of, until

ASK = b"GET /x HTTP/1.1\r\nHost: order\r\n\r\n"
GET2 = head("GET", "/x")
GET2[2] = (b":authority", b"order")


async def ask(out: Outbound) -> bytes:
    reader, writer = await out.dial()
    writer.write(ASK)
    said = await read_answer(reader)
    writer.close()
    return b"".join(said)


async def ask_http2(out: Outbound) -> bytes:
    reader, writer = await out.dial()
    said = await Peer(reader, writer, client=True).answer(GET2)
    writer.close()
    return b"%d" % said.status


class Load:
    """Callers of four protocols that ask one thing after another, and count."""

    def __init__(self, out: Outbound) -> None:
        self.out = out
        self.done = 0
        self.sessions = 0
        self._stop = asyncio.Event()
        self._tasks = [spawn(work(), name="load") for work in (
            self._http1, self._http1, self._http1, self._http2, self._bolt, self._tcp,
        )]  # fmt: skip

    async def over(self) -> None:
        self._stop.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*self._tasks)

    def goes_on(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()
                raise AssertionError("a caller has stopped")

    async def _http1(self) -> None:
        reader, writer = await self.out.dial()
        while not self._stop.is_set():
            turn = b"%d" % self.done
            said = b"POST /x HTTP/1.1\r\nHost: order\r\nContent-Length: %d\r\n\r\n%b"
            writer.write(said % (len(turn), turn))
            answer, body = await read_answer(reader)
            assert (status_of(answer), body) == (200, turn)
            self.done += 1
        writer.close()

    async def _http2(self) -> None:
        reader, writer = await self.out.dial()
        peer = Peer(reader, writer, client=True)
        while not self._stop.is_set():
            said = await peer.answer(GET2, b"two")
            assert (said.status, said.content) == (200, b"two")
            self.done += 1
        writer.close()

    async def _bolt(self) -> None:
        reader, writer = await self.out.dial()
        caller = bolt.Caller(reader, writer)
        turn = 0
        while not self._stop.is_set():
            turn += 1
            said = await caller.ask(bolt.request(turn, b"b%d" % turn, app="order"))
            assert (said.status, said.content) == (0, b"b%d" % turn)
            self.done += 1
        writer.close()

    async def _tcp(self) -> None:
        while not self._stop.is_set():
            reader, writer = await self.out.dial(self.out.sessions)
            for turn in range(20):
                writer.write(b"\x00%08d" % turn)
                assert await reader.readexactly(9) == b"\x00%08d" % turn
                self.done += 1
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            self.sessions += 1


def test_what_is_offered_is_taken_and_says_so() -> None:
    async def scene() -> None:
        async with application() as app, guarded(app, "permissive") as inbound, outward() as out:
            out.follow("offered", inbound.port)
            assert b"200" in await ask(out)
            (row,) = out.ledger.told().edges
            assert (row.encrypted, row.started, row.completed) == (True, 1, 1)
            assert (row.app, row.unit, row.instance) == ("order", "unit1", "order-1")
            assert inbound.gate.refusals.counts == {}
            (edge,) = out.windows.totals()
            assert edge.encrypted

    run(scene())


def test_a_sidecar_without_a_certificate_takes_no_offer_and_may_not_call_who_requires_tls() -> None:
    async def scene() -> None:
        async with (
            application() as app,
            guarded(app, "permissive") as inbound,
            outward(certified=False) as out,
        ):
            out.follow("offered", inbound.port)
            assert b"200" in await ask(out)
            out.follow("required", inbound.port)
            refused = await ask(out)
            assert status_of(refused) == 503
            assert b"takes TLS only" in refused
            assert b"no certificate" in refused
            assert out.sums()["encrypted started"] == 0
            out.certify()
            assert b"200" in await ask(out)
            assert out.sums()["encrypted started"] == 1

    run(scene())


@pytest.mark.parametrize("offer", ["offered", "required"])
def test_who_proves_to_be_another_is_told_nothing_and_another_endpoint_serves(offer: Offer) -> None:
    async def scene() -> None:
        async with (
            application() as app,
            guarded(app, "permissive") as impostor,
            guarded(app, "permissive") as right,
            outward() as out,
        ):
            impostor.gate.holder.certify(identity_of("stock"))
            out.follow(offer, impostor.port)
            refused = await ask(out)
            assert status_of(refused) == 503
            assert b"it proved to be" in refused
            assert b"app/stock/instance/stock-1" in refused
            assert impostor.listener.admission.meters() == {}
            assert out.ear.heard[0].error == "connect"
            right.gate.holder.certify(identity_of("order"))
            out.follow("off", right.port)
            assert b"200" in await ask(out)

    run(scene())


def test_handshakes_that_fail_fall_back_where_plaintext_is_allowed_and_lose_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replacing, "PROBE_SECONDS", 0.05)

    async def scene() -> None:
        async with application() as app, guarded(app, "plaintext") as inbound, outward() as out:
            out.follow("offered", inbound.port)  # it takes no TLS, whatever is said of it
            load = Load(out)

            def fell_back() -> bool:
                load.goes_on()
                return out.ledger.fallen_back == 1

            await until(fell_back)
            done = load.done
            await until(lambda: load.done > done + 50)
            assert out.sums()["encrypted started"] == 0
            inbound.follow("permissive")
            (member,) = out.current.table.members.values()
            trials = out.outward.trials_of(member.endpoint)
            assert trials is not None
            trials.plain_until = 0.001  # the minute is over
            await until(lambda: out.sums()["encrypted started"] > 100)
            await load.over()
            found = out.sums()
            assert (found["failed"], found["cancelled"], found["cut"]) == (0, 0, 0)
            assert found["handshakes_failed"] >= 3
            out.follow("required", inbound.port)
            inbound.follow("plaintext")
            plain = out.sums()["plain started"]
            refused = 0
            while refused < 5:  # first what is open is used up
                refused += status_of(await ask(out)) == 503
            assert out.sums()["plain started"] == plain, "what is required never becomes plaintext"

    run(scene())


@pytest.mark.parametrize("before", ["off", "offered"])
def test_an_endpoint_that_does_not_believe_this_side_costs_no_request(before: Offer) -> None:
    """It says so only after the handshake, when a request may be on its way already."""

    async def scene() -> None:
        async with application() as app, guarded(app, "permissive") as inbound, outward() as out:
            both = (ROOT, FOREIGN)
            out.holder.certify(identity_of("front", root=FOREIGN))
            out.follow(before, inbound.port, roots=both)
            for protocol in (ask, ask_http2):
                for _ in range(5):
                    assert b"200" in await protocol(out)
            out.follow("offered", inbound.port, roots=both)
            await until(lambda: out.sums()["handshakes_failed"] > 0)
            for _ in range(5):
                assert b"200" in await ask(out)
            assert (out.sums()["cut"], out.sums()["encrypted started"] > 2) == (0, False)
            out.follow("required", inbound.port, roots=both)
            refused = await ask(out)
            assert status_of(refused) == 503
            assert b"TLS" in refused

    run(scene())


def test_modes_and_certificates_change_under_load_and_nothing_is_cut_failed_or_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elimination, "SHARE_SECONDS", 0.1)
    monkeypatch.setattr(elimination, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(rig, "PATIENCE_SECONDS", 60.0)

    async def scene() -> None:
        async with application() as app, guarded(app, "plaintext") as inbound, outward() as out:
            out.follow("off", inbound.port)
            load = Load(out)

            async def settled(kind: str) -> None:
                other = {"plain": "encrypted", "encrypted": "plain"}[kind]
                kinds = [f"{protocol} {other}" for protocol in ("http1", "http2", "bolt", "tcp")]

                def is_so() -> bool:
                    load.goes_on()
                    found = out.sums()
                    return not any(found[each] for each in kinds) and found[f"http1 {kind}"] > 0

                await until(is_so)
                done = load.done
                await until(lambda: load.done > done + 30)

            for _ in range(10):
                await settled("plain")
                inbound.follow("preferred")
                out.follow("offered", inbound.port)
                await settled("encrypted")
                out.certify()
                inbound.follow("strict")
                out.follow("required", inbound.port)
                await settled("encrypted")
                inbound.follow("preferred")
                out.follow("offered", inbound.port)
                out.certify()
                await settled("encrypted")
                inbound.follow("permissive")
                out.follow("off", inbound.port)
            await settled("plain")
            await load.over()
            found = out.sums()
            assert (found["cut"], found["failed"], found["cancelled"]) == (0, 0, 0)
            assert found["handshakes_failed"] == 0
            assert found["started"] == found["completed"]
            assert out.ear.heard == []

    run(scene())


def test_what_is_under_way_on_an_old_connection_for_too_long_is_cut_and_counted_as_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elimination, "HARD_SECONDS", 0.3)

    async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async def scene() -> None:
        async with origin(never) as app, guarded(app, "permissive") as inbound, outward() as out:
            out.follow("off", inbound.port)
            reader, writer = await out.dial()
            writer.write(b"POST /x HTTP/1.1\r\nHost: order\r\nContent-Length: 0\r\n\r\n")
            await until(lambda: out.sums()["in_flight"] == 1)
            out.follow("offered", inbound.port)
            answer, _ = await read_answer(reader)
            writer.close()
            assert status_of(answer) == 503
            found = out.sums()
            assert (found["cut"], found["failed"], found["in_flight"]) == (1, 0, 0)
            assert (found["http1 plain"], found["http1 encrypted"]) == (0, 1)

    run(scene())
