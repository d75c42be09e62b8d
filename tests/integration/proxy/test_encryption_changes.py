"""Modes, certificates and trust change while requests run: none is lost, and nothing is cut."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable, Sequence

import pytest

from proxy.aio import spawn
from proxy.contract.snapshot import Caller, TlsMode
from proxy.http2.frames import DATA, END_HEADERS, END_STREAM
from proxy.inbound.selfcheck import SelfCheck
from tests.integration.proxy import bolt
from tests.integration.proxy.guarded import (
    ABOVE,
    FOREIGN,
    ROOT,
    Guarded,
    application,
    below_context,
    caller_context,
    guarded,
    identity_of,
)
from tests.integration.proxy.http2_raw import Raw, frame, headers
from tests.integration.proxy.rig import read_answer, run, status_of, until

ASK = b"GET /x HTTP/1.1\r\nHost: order\r\n\r\n"
PER_CONNECTION = 20
"""Requests after which a client dials anew, so that doors change under it, too."""


class Clients:
    """Keep asking; each answer must be the application's."""

    def __init__(self, stage: Guarded, n: int, tls: Callable[[], ssl.SSLContext] | None) -> None:
        self._stage = stage
        self._tls = tls
        self._stop = False
        self.answered = 0
        self._tasks = [spawn(self._run(), name="client") for _ in range(n)]

    async def more(self, n: int = 40) -> None:
        """Wait until so many more were answered; fails with the first client that does."""
        goal = self.answered + n
        await until(lambda: self.answered >= goal or any(one.done() for one in self._tasks))
        for task in self._tasks:
            if task.done():
                task.result()

    async def over(self) -> None:
        self._stop = True
        for task in self._tasks:
            await task

    async def _run(self) -> None:
        while not self._stop:
            stage = self._stage
            reader, writer = await (stage.dial_tls(self._tls()) if self._tls else stage.dial())
            try:
                await self._ask(reader, writer)
            finally:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(PER_CONNECTION):
            writer.write(ASK)
            head, body = await read_answer(reader)
            assert (status_of(head), body) == (200, b"http1")
            self.answered += 1
            if b"connection: close" in head.lower() or self._stop:
                return


@pytest.mark.parametrize(
    ("modes", "encrypted"),
    [
        (("plaintext", "permissive", "preferred", "permissive"), False),
        (("permissive", "preferred", "strict", "preferred"), True),
    ],
)
def test_a_mode_changes_under_load_and_nothing_is_lost(
    modes: Sequence[TlsMode], encrypted: bool
) -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, modes[0]) as stage:
            context = caller_context()
            clients = Clients(stage, 6, (lambda: context) if encrypted else None)
            for mode in itertools.islice(itertools.cycle(modes), 13):
                stage.follow(mode)
                await clients.more()
            await clients.over()
            assert stage.gate.refusals.counts == {}
            assert stage.listener.refusals == {}

    run(scene())


def test_leaves_are_renewed_under_load_and_nothing_is_lost() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "strict") as stage:
            clients = Clients(stage, 6, caller_context)
            check = SelfCheck(stage.gate, lambda: ("127.0.0.1", stage.port))
            for _ in range(12):
                stage.gate.holder.certify(identity_of("order"))
                assert await check.check() == ""
                await clients.more()
            await clients.over()
            assert stage.gate.refusals.counts == {}

    run(scene())


def test_roots_are_rotated_under_load_and_nothing_is_lost() -> None:
    async def scene() -> None:
        root = [ROOT]
        async with application() as port, guarded(port, "strict") as stage:
            clients = Clients(stage, 4, lambda: caller_context(root=root[-1]))
            stage.follow("strict", (ROOT, FOREIGN))
            await clients.more()
            stage.gate.holder.certify(identity_of("order", root=FOREIGN))
            root.append(FOREIGN)
            await clients.more(4 * PER_CONNECTION * 4)
            stage.follow("strict", (FOREIGN,))
            await clients.more()
            await clients.over()
            assert stage.gate.refusals.counts == {}

    run(scene())


def test_a_connection_in_plaintext_ends_politely_when_the_mode_becomes_strict() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "preferred") as stage:
            reader, writer = await stage.dial()
            idle_reader, idle_writer = await stage.dial()
            for each, to in ((reader, writer), (idle_reader, idle_writer)):
                to.write(ASK)
                assert status_of((await read_answer(each))[0]) == 200
            stage.follow("strict")
            assert len(stage.listener.leaving) == 2
            writer.write(ASK)
            head, _ = await read_answer(reader)
            assert status_of(head) == 200
            assert b"connection: close" in head.lower()
            assert await reader.read(-1) == b""
            assert await idle_reader.read(-1) == b""
            writer.close()
            idle_writer.close()

    run(scene())


def test_a_connection_of_http2_is_told_to_go_away_and_its_stream_is_finished() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            reader, writer = await stage.dial_tls(caller_context(speaks="http2"))
            caller = Raw(reader, writer)
            await caller.greet()
            caller.say(headers(1, flags=END_HEADERS))
            assert await caller.alive()
            stage.follow("plaintext")
            await caller.until(lambda _got: len(caller.goaways) == 1)
            assert caller.goaways == [(0, 2**31 - 1)]
            caller.say(headers(3))
            await caller.answer(3)
            caller.say(frame(DATA, END_STREAM, 1, b"content"))
            await caller.answer(1)
            assert caller.content(1) == b"content"
            await caller.ended()
            writer.close()

    run(scene())


def test_a_connection_of_bolt_is_told_to_go_away() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            reader, writer = await stage.dial()
            who = bolt.Caller(reader, writer)
            assert (await who.ask(bolt.request(1, b"a"))).content == b"a"
            stage.follow("strict")
            assert (await who.hear()).is_go_away
            assert (await who.ask(bolt.request(2, b"b"))).content == b"b"
            assert await who.ended() == b""
            writer.close()

    run(scene())


def test_a_session_in_plaintext_goes_on_for_as_long_as_it_likes() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "permissive") as stage:
            reader, writer = await stage.dial()
            writer.write(b"\x00before")
            assert await reader.readexactly(7) == b"\x00before"
            stage.follow("strict")
            writer.write(b"after")
            assert await reader.readexactly(5) == b"after"
            writer.close()

    run(scene())


def test_a_caller_whose_root_is_dropped_is_told_to_end_and_not_let_in_again() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "strict") as stage:
            stage.follow("strict", (ROOT, FOREIGN))
            old = caller_context(root=FOREIGN)
            reader, writer = await stage.dial_tls(old)
            kept_reader, kept_writer = await stage.dial_tls(caller_context())
            for each, to in ((reader, writer), (kept_reader, kept_writer)):
                to.write(ASK)
                assert status_of((await read_answer(each))[0]) == 200
            stage.follow("strict", (ROOT,))
            writer.write(ASK)
            assert b"connection: close" in (await read_answer(reader))[0].lower()
            kept_writer.write(ASK)
            assert b"connection: close" not in (await read_answer(kept_reader))[0].lower()
            again_reader, again = await stage.dial_tls(old)
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await read_answer(again_reader)
            assert stage.gate.refusals.counts == {"foreign_ca": 1}
            for one in (writer, kept_writer, again):
                one.close()

    run(scene())


def test_a_caller_of_an_authority_below_the_root_stays_when_mode_list_and_roots_change() -> None:
    async def scene() -> None:
        async with application() as port, guarded(port, "preferred") as stage:
            stage.follow("preferred", (ROOT, ABOVE))
            reader, writer = await stage.dial_tls(below_context())
            stage.follow("strict", (ROOT, ABOVE))
            stage.follow("strict", (ROOT, ABOVE), (Caller(app="front"),), "enforce")
            writer.write(ASK)
            assert b"connection: close" not in (await read_answer(reader))[0].lower()
            stage.follow("strict", (ROOT, FOREIGN, ABOVE))
            assert not stage.listener.leaving
            writer.write(ASK)
            assert b"connection: close" not in (await read_answer(reader))[0].lower()
            stage.follow("strict", (ROOT, FOREIGN))
            assert len(stage.listener.leaving) == 1
            writer.close()

    run(scene())
