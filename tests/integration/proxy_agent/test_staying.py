"""A sidecar goes on without console, token, certificate or disk, and catches up afterwards."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from proxy import store as store_module
from proxy.contract.reports import EdgeWindow
from proxy.contract.session import Ack, Receipt, Report
from proxy.failures import Failure
from tests.harness.authority import MeshRoot
from tests.harness.console import ScriptedConsole, stock, whole_push
from tests.harness.wait import eventually_async
from tests.integration.proxy_agent.conftest import Member


async def in_force(member: Member, console: ScriptedConsole, v: int) -> None:
    member.start()
    stream, _ = await console.stream()
    await stream.send(whole_push(stock(), v))
    await stream.expect(Ack)


async def test_a_restart_serves_from_disk_with_everything_else_down(
    member: Member, console: ScriptedConsole
) -> None:
    await in_force(member, console, 5)
    await member.kill()
    await console.stop()
    member.token_file.unlink()

    member.begin_anew()
    member.agent.restore()

    assert member.agent.ready
    assert member.current.v == 5
    assert member.current.snapshot == stock()


async def test_what_is_on_disk_is_said_on_hello_and_never_gone_back_from(
    member: Member, console: ScriptedConsole, root: MeshRoot
) -> None:
    await in_force(member, console, 5)
    await member.kill()
    member.begin_anew()
    member.token_file.write_text(root.token("another-secret-of-the-tests"))
    member.start()
    _, hello = await console.stream()
    assert hello.have is not None
    assert (hello.have.v, hello.have.digest) == (5, whole_push(stock(), 5).digest)


async def test_the_state_directory_holds_no_key_and_is_nobody_elses(
    member: Member, console: ScriptedConsole
) -> None:
    await in_force(member, console, 5)
    await member.agent.leave()
    assert member.task is not None
    await member.task
    files = list(member.settings.state_dir.iterdir())
    assert [file.name for file in files] == ["snapshot.json"]
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert b"PRIVATE" not in file.read_bytes()


async def test_a_full_disk_is_counted_and_stops_nothing(
    member: Member, console: ScriptedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "_write", full)
    await in_force(member, console, 5)

    async def counted() -> bool:
        return member.agent.status()["snapshot_write_failures"] == 1

    await eventually_async(counted)
    assert member.current.v == 5


async def test_a_console_that_was_killed_is_found_again(
    member: Member, console: ScriptedConsole
) -> None:
    await in_force(member, console, 5)
    await console.stop()

    async def said() -> bool:
        return "cannot be reached" in str(member.agent.status()["error"])

    await eventually_async(said)
    assert member.current.v == 5
    await console.start()
    _, hello = await console.stream()
    assert hello.have is not None
    assert len(console.joins) == 1


async def test_pauses_grow_to_half_a_minute_and_no_further(
    member: Member, console: ScriptedConsole
) -> None:
    await console.stop()
    member.start()

    async def tried_often() -> bool:
        return sum(member.pauses) > 120

    await eventually_async(tried_often)
    assert max(member.pauses) <= 1.0, "a pause is taken in slices so that a new token is seen"


async def test_an_expired_certificate_waits_for_a_new_token(
    member: Member,
    console: ScriptedConsole,
    root: MeshRoot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await in_force(member, console, 5)
    identity = member.agent._membership.identity
    assert identity is not None
    monkeypatch.setattr(
        type(identity), "ends_at", property(lambda self: self.begins_at + timedelta(seconds=1))
    )
    await console.stop()
    await console.start()

    async def said() -> bool:
        return "put a new one there" in str(member.agent.status()["error"])

    await eventually_async(said)
    assert member.current.v == 5
    assert member.agent.status()["certificate_expired"] is True

    monkeypatch.undo()
    member.token_file.write_text(root.token("another-secret-of-the-tests"))
    await console.stream()


async def test_an_event_survives_a_restart_while_the_console_is_away(
    member: Member, console: ScriptedConsole, root: MeshRoot
) -> None:
    await in_force(member, console, 5)
    await console.stop()
    stats = next(iter(member.current.table.endpoint_stats()))
    stats.attempts, stats.connect = 2, 2
    member.detector.failed(
        Failure(service="stock", endpoint=stats.endpoint, error="connect", detail="refused")
    )
    spool = member.settings.state_dir / "events.jsonl"

    async def spooled() -> bool:
        return spool.exists()

    await eventually_async(spooled)
    await member.kill()

    member.begin_anew()
    member.token_file.write_text(root.token("another-secret-of-the-tests"))
    await console.start()
    member.start()
    stream, hello = await console.stream()
    report = await stream.expect(Report)
    assert report.seq == 1
    (event,) = report.events
    assert (event.phase, event.subject.instance, event.n) == ("failing", "s1", 2)
    assert hello.node.boot_id == member.agent.node.boot_id

    await stream.send(Receipt(seq=1))

    async def gone() -> bool:
        return not spool.exists()

    await eventually_async(gone)


async def test_an_event_is_sent_at_once_and_not_with_the_next_tick(
    member: Member, console: ScriptedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.reporter.TICK_SECONDS", 3600.0)
    member.start()
    stream, _ = await console.stream()
    await stream.send(whole_push(stock(), 5))
    await stream.expect(Ack)
    stats = next(iter(member.current.table.endpoint_stats()))
    stats.attempts, stats.connect = 1, 1
    member.detector.failed(Failure(service="stock", endpoint=stats.endpoint, error="connect"))
    report = await stream.expect(Report)
    assert [event.subject.instance for event in report.events] == ["s1"]
    assert report.up == []


async def test_another_console_is_tried_when_one_does_not_answer(
    member: Member, console: ScriptedConsole
) -> None:
    dead = "wss://127.0.0.1:1"
    member.settings = msgspec.structs.replace(
        member.settings, console=(dead, console.url), enrol=(dead, console.door)
    )
    member.begin_anew()
    member.start()
    await console.stream()
    assert member.agent.status()["console"] == console.url


async def test_a_backlog_comes_in_order_and_then_the_present(
    member: Member, console: ScriptedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.reporter.TICK_SECONDS", 3600.0)
    outbox = member.agent._outbox
    for at in range(200):
        window = EdgeWindow(side="out", app="a", unit="u", group="g", interface="i", requests=at)
        outbox.add(at * 10.0, at * 10.0 + 1, [window])
    monkeypatch.setattr("proxy.channel.REPORTS_PER_SECOND", 10_000.0)
    member.start()
    stream, _ = await console.stream()
    numbers: list[int] = []
    while len(numbers) < 200:
        report = await stream.expect(Report)
        numbers.append(report.seq)
        await stream.send(Receipt(seq=report.seq))
    assert numbers == list(range(1, 201))

    async def forgotten() -> bool:
        return len(outbox) == 0

    await eventually_async(forgotten)
