"""One instance passes from process to process, and the console sees it throughout."""

from __future__ import annotations

import asyncio
from pathlib import Path

from proxy.contract.reports import EdgeWindow
from proxy.contract.session import Ack, Bye, Hello, Report
from proxy.encryption.carried import Carried
from proxy.handover.words import Inheritance
from proxy.spool import SPOOL_FILE
from tests.harness.authority import MeshRoot
from tests.harness.console import ScriptedConsole, Stream, stock, whole_push
from tests.harness.wait import eventually_async
from tests.integration.proxy_agent.conftest import Member
from tests.unit.proxy.test_outbox import event


async def _in_force(member: Member, console: ScriptedConsole) -> Stream:
    member.start()
    stream, _ = await console.stream()
    await stream.send(whole_push(stock(), 5))
    await stream.expect(Ack)
    return stream


def _next_process(member: Member) -> Member:
    """Another process of the same instance, on the same disk."""
    other = object.__new__(Member)
    other.token_file, other.pauses, other.settings = member.token_file, [], member.settings
    other.begin_anew()
    return other


def _window(requests: int) -> EdgeWindow:
    return EdgeWindow(
        side="out", app="stock", unit="u", group="g", interface="i", requests=requests
    )


async def test_the_next_process_needs_no_token_and_the_console_no_new_lease(
    member: Member, console: ScriptedConsole
) -> None:
    old = await _in_force(member, console)
    member.token_file.unlink()
    other = _next_process(member)
    other.agent.restore(member.agent.bequest.snapshot())
    assert other.agent.ready

    other.agent.bequest.begin(await member.agent.bequest.hand_over())
    other.start()
    new, hello = await console.stream()

    assert hello.node.id == "order-1"
    assert hello.node.boot_id != member.agent.node.boot_id
    assert hello.have is not None
    assert hello.have.v == 5
    assert len(console.joins) == 1
    # the console sends the older stream away; the old process does not come back
    await old.send(Bye(reason="Another process took over this identity."))
    await old.closed.wait()
    await member.agent.retire()
    await new.send(whole_push(stock(40.0), 6))
    assert (await new.expect(Ack)).v == 6
    assert console.streams.empty()
    assert not any(isinstance(said, Bye) for said in _heard(old))
    await other.kill()


def _heard(stream: Stream) -> list[object]:
    return [stream.heard.get_nowait() for _ in range(stream.heard.qsize())]


async def test_what_was_not_reported_is_reported_by_the_next_process_once(
    member: Member, console: ScriptedConsole
) -> None:
    await _in_force(member, console)
    await console.stop()
    await eventually_async(lambda: _unconnected(member), what="the console is gone")
    seen = Report(seq=0, window_start=1, window_end=2, up=[_window(3)], events=[event("a")])
    member.agent.bequest.tell(seen)
    inheritance = await member.agent.bequest.hand_over()
    assert [one.id for report in inheritance.reports for one in report.events] == ["a"]

    other = _next_process(member)
    other.agent.bequest.begin(inheritance)
    member.agent.bequest.pass_on(other.agent.bequest.tell)
    member.windows.counts("out", "stock", "u", "g", "j", False).observe(200, None, 0.1, 0, 0)
    await member.agent.retire()
    await console.start()
    other.start()
    new, _ = await console.stream()
    reports = [await new.expect(Report)]
    while sum(window.requests for report in reports for window in report.up) < 4:
        reports.append(await new.expect(Report))
    assert sum(window.requests for report in reports for window in report.up) == 4
    assert [one.id for report in reports for one in report.events] == ["a"]
    await other.kill()


async def _unconnected(member: Member) -> bool:
    return member.agent.status()["connected"] is False


async def test_after_a_handover_only_one_process_writes_to_the_disk(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await _in_force(member, console)
    state = Path(member.settings.state_dir)
    await member.agent.bequest.hand_over()
    (state / "snapshot.json").unlink()
    await stream.send(whole_push(stock(10.0), 7))
    assert (await stream.expect(Ack)).v == 7  # it still follows, as long as it drains
    member.agent.bequest.tell(Report(seq=0, window_start=1, window_end=2, events=[event("b")]))
    await member.agent.retire()
    assert not (state / "snapshot.json").exists()
    assert not (state / SPOOL_FILE).exists()


async def test_a_process_whose_heir_failed_goes_on_and_keeps_what_it_had(
    member: Member, console: ScriptedConsole, root: MeshRoot
) -> None:
    stream = await _in_force(member, console)
    state = Path(member.settings.state_dir)
    await member.agent.bequest.hand_over()
    await stream.send(whole_push(stock(10.0), 7))
    await stream.expect(Ack)
    member.agent.bequest.resume()
    await eventually_async(lambda: _kept(state, b'"v":7'), what="it keeps its snapshot again")
    await stream.send(Bye(reason="Another process took over this identity."))
    _, hello = await console.stream()
    assert hello.node.boot_id == member.agent.node.boot_id


async def _kept(state: Path, words: bytes) -> bool:
    file = state / "snapshot.json"
    return file.exists() and words in await asyncio.to_thread(file.read_bytes)


async def test_an_identity_that_cannot_be_read_costs_a_token_and_nothing_else(
    member: Member, console: ScriptedConsole
) -> None:
    broken = Carried(key=b"", chain=b"", roots=b"")
    assert "key" not in repr(broken)
    member.agent.bequest.begin(Inheritance(identity=broken))
    member.start()
    _, hello = await console.stream()
    assert isinstance(hello, Hello)
    assert len(console.joins) == 1
