"""The session from hello to good-bye, against a console that does as it is told."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest

from proxy import channel
from proxy.contract.digest import canonical, digest_of
from proxy.contract.session import (
    FRAME_LIMIT_BYTES,
    Ack,
    Bye,
    Links,
    Nack,
    Push,
    Receipt,
    Refused,
    Report,
)
from proxy.contract.snapshot import Route, Rule, Share
from proxy.links.ledger import Ledger
from tests.harness.console import ScriptedConsole, Stream, stock, whole_push
from tests.harness.wait import eventually_async
from tests.integration.proxy_agent.conftest import Member


async def joined(member: Member, console: ScriptedConsole, v: int = 5) -> Stream:
    """A running member with revision `v` in force."""
    member.start()
    stream, _ = await console.stream()
    await stream.send(whole_push(stock(), v))
    await stream.expect(Ack)
    return stream


async def test_it_joins_says_who_it_is_and_puts_a_whole_push_in_force(
    member: Member, console: ScriptedConsole
) -> None:
    member.start()
    stream, hello = await console.stream()
    assert hello.node.id == "order-1"
    assert hello.node.addr == "127.0.0.1:8001"
    assert hello.node.interfaces == ("GET /orders/{id}",)
    assert hello.have is None
    before = member.agent.ready

    await stream.send(whole_push(stock(), 5, nonce="first"))

    ack = await stream.expect(Ack)
    assert (ack.nonce, ack.v, ack.state) == ("first", 5, "active")
    assert ack.digest == digest_of(stock()) == member.current.digest
    assert member.current.v == 5
    assert (before, member.agent.ready) == (False, True)
    assert member.agent.status()["connected"] is True


async def test_a_difference_changes_only_what_it_names(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await joined(member, console)
    after = stock(40.0)
    await stream.send(
        Push(
            nonce="d",
            v=6,
            digest=digest_of(after),
            base=digest_of(stock()),
            set={"route": {"stock": msgspec.Raw(canonical(after.route["stock"]))}},
        )
    )
    ack = await stream.expect(Ack)
    assert ack.v == 6
    assert member.current.snapshot == after


async def test_a_difference_to_something_else_is_refused_and_sent_whole_then(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await joined(member, console)
    await stream.send(Push(nonce="d", v=6, digest="0" * 64, base="1" * 64))
    nack = await stream.expect(Nack)
    assert (nack.nonce, nack.code, nack.v_kept) == ("d", "base", 5)
    assert member.current.snapshot == stock()
    await stream.send(whole_push(stock(10.0), 6, nonce="w"))
    assert (await stream.expect(Ack)).nonce == "w"


async def test_a_push_whose_content_is_not_its_digest_changes_nothing(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await joined(member, console)
    push = whole_push(stock(10.0), 6)
    await stream.send(msgspec.structs.replace(push, digest="0" * 64))
    assert (await stream.expect(Nack)).code == "digest"
    assert member.current.v == 5


async def test_a_missing_group_is_nacked_with_its_path_and_the_old_one_stays(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await joined(member, console)
    bad = stock()
    split = (Share(group="Group_9", percent=100.0),)
    bad.route["stock"] = Route(name="stock", version=2, rules=(Rule(id="all", split=split),))
    await stream.send(whole_push(bad, 6))
    nack = await stream.expect(Nack)
    assert nack.code == "inconsistent"
    assert nack.path == "/route/stock/rules/0/split/0"
    assert "Group_9" in nack.msg
    assert nack.v_kept == 5
    assert member.current.snapshot == stock()
    assert "Group_9" in str(member.agent.status()["error"])

    await stream.send(whole_push(stock(10.0), 7))
    await stream.expect(Ack)
    assert member.agent.status()["error"] == ""


async def test_an_unknown_kind_is_refused_and_an_unknown_field_is_not(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await joined(member, console)
    good = whole_push(stock(), 6)
    await stream.send(
        msgspec.structs.replace(good, set={**good.set, "weather": {"x": msgspec.Raw(b"{}")}})
    )
    nack = await stream.expect(Nack)
    assert (nack.code, nack.path) == ("invalid", "/set/weather")

    service = json.loads(canonical(stock().service["stock"])) | {"colour": "green"}
    content = {
        "service": {"stock": service},
        "route": {"stock": json.loads(canonical(stock().route["stock"]))},
    }
    await stream.send(
        Push(
            nonce="f",
            v=7,
            digest=hashlib.sha256(canonical(content)).hexdigest(),
            set={
                kind: {name: msgspec.Raw(canonical(one)) for name, one in named.items()}
                for kind, named in content.items()
            },
        )
    )
    assert (await stream.expect(Ack)).v == 7
    assert member.current.snapshot == stock()


async def test_an_older_revision_is_never_applied(member: Member, console: ScriptedConsole) -> None:
    stream = await joined(member, console, v=5)
    await stream.send(whole_push(stock(10.0), 4))
    nack = await stream.expect(Nack)
    assert (nack.code, nack.v_kept) == ("older", 5)
    assert member.current.snapshot == stock()


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"push","nonce":"p2","v":6,"digest":"d","proto":2}',
        '{"type":"push","nonce":"p2","proto":2,"world":{}}',
    ],
)
async def test_an_unknown_major_version_is_nacked_even_in_unknown_words(
    member: Member, console: ScriptedConsole, frame: str
) -> None:
    stream = await joined(member, console)
    await stream.socket.send(frame)
    nack = await stream.expect(Nack)
    assert (nack.nonce, nack.code, nack.v_kept) == ("p2", "proto", 5)


async def test_a_message_of_a_later_kind_is_passed_over(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await joined(member, console)
    await stream.socket.send('{"type":"greetings","text":"hi"}')
    await stream.send(whole_push(stock(10.0), 6))
    assert (await stream.expect(Ack)).v == 6


@pytest.mark.parametrize(
    "frame",
    ["{", "[]", '{"type":"receipt","seq":"many"}', "[" * 100_000, '{"type":"push","v":NaN}'],
)
async def test_a_malformed_frame_ends_the_stream_and_nothing_else(
    member: Member, console: ScriptedConsole, frame: str
) -> None:
    stream = await joined(member, console)
    await stream.socket.send(frame)
    again, hello = await console.stream()
    assert hello.have is not None
    assert hello.have.v == 5
    assert member.current.snapshot == stock()
    await again.send(whole_push(stock(10.0), 6))
    await again.expect(Ack)


async def test_an_oversized_frame_ends_the_stream_and_nothing_else(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await joined(member, console)
    await stream.socket.send("x" * (FRAME_LIMIT_BYTES + 1))
    _, hello = await console.stream()
    assert hello.have is not None
    assert member.current.snapshot == stock()


async def test_reports_are_sent_again_until_a_receipt_covers_them(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await joined(member, console)
    counts = member.windows.counts("out", "stock", "unit1", "Group_1", "other", False)
    counts.observe(200, None, 0.01, 1, 2)
    first = await stream.expect(Report)
    assert first.seq == 1
    assert first.up[0].requests == 1

    await console.stop()
    await console.start()
    stream, _ = await console.stream()
    assert (await stream.expect(Report)).seq == 1
    await stream.send(Receipt(seq=1))

    async def forgotten() -> bool:
        return member.agent.status()["queue"] == 0

    await eventually_async(forgotten)


async def test_the_console_may_ask_for_time(member: Member, console: ScriptedConsole) -> None:
    stream = await joined(member, console)
    member.pauses.clear()
    await stream.send(Bye(retry_after_ms=4200, reason="The console restarts."))
    await console.stream()
    assert 4.2 <= sum(member.pauses) <= 4.2 + 0.5 + 1e-6


async def test_a_refusal_is_said_in_the_status(member: Member, console: ScriptedConsole) -> None:
    stream = await joined(member, console)
    await stream.send(Refused(code="quota", msg="Slower."))

    async def said() -> bool:
        return "Slower." in str(member.agent.status()["error"])

    await eventually_async(said)


async def test_it_leaves_with_a_good_bye(member: Member, console: ScriptedConsole) -> None:
    stream = await joined(member, console)
    await member.agent.leave()
    bye = await stream.expect(Bye)
    assert bye.retry_after_ms == 0
    await stream.closed.wait()
    assert member.task is not None
    await member.task
    assert not member.agent.status()["connected"]


async def test_the_ledger_is_told_at_once_and_again_only_when_it_has_changed(
    member: Member, console: ScriptedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "LINKS_SECONDS", 0.01)
    asked = 0
    ledger = Ledger()
    account = ledger.endpoint("stock", "unit1", "s1", "http2", "g1", True)

    def links() -> Links:
        nonlocal asked
        asked += 1
        told = ledger.told()
        return Links(at=float(asked), edges=told.edges, forgotten=told.forgotten)

    member.begin_anew(links=links)
    stream = await joined(member, console)
    await eventually_async(lambda: _true(asked > 5))
    account.opened += 1
    changed = await stream.expect(Links)
    while not changed.edges[0].opened:
        changed = await stream.expect(Links)
    assert changed.at > 5, "what was the same was not told again"
    assert stream.heard.empty() or not isinstance(stream.heard.get_nowait(), Links)


async def test_a_ledger_that_has_not_changed_is_repeated_after_a_while(
    member: Member, console: ScriptedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "LINKS_SECONDS", 0.01)
    monkeypatch.setattr(channel, "LINKS_REPEATED_SECONDS", 0.01)
    stream = await joined(member, console)
    first, second = await stream.expect(Links), await stream.expect(Links)
    assert first.edges == second.edges == ()


async def _true(fact: bool) -> bool:
    return fact
