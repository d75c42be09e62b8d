"""What a sidecar tells its console of ejections, and what the next process knows of them."""

from __future__ import annotations

from time import time

from proxy.contract.reports import Ejection
from proxy.contract.session import Ack, Report
from proxy.failures import counted
from tests.harness.console import ScriptedConsole, Stream, stock, whole_push
from tests.integration.proxy_agent.conftest import Member


async def _in_force(member: Member, console: ScriptedConsole) -> Stream:
    member.start()
    stream, _ = await console.stream()
    await stream.send(whole_push(stock(), 5))
    await stream.expect(Ack)
    return stream


def _refuse(member: Member, id: str, times: int) -> None:
    """An endpoint refuses, while the others answer."""
    members = {one.endpoint.id: one for one in member.current.table.members.values()}
    for _ in range(times):
        for name, other in members.items():
            other.stats.attempts += 1
            other.stats.answered += name != id
        failure = counted(members[id], "connect", "Connection refused", 0.0, "GET /")
        assert failure is not None
        member.warden.failed(failure)


async def _told(stream: Stream) -> tuple[Ejection, ...]:
    while True:
        said = (await stream.expect(Report)).ejections
        if said:
            return said


async def test_an_ejection_is_reported_at_once_and_again_with_all_that_are_active(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await _in_force(member, console)
    _refuse(member, "s1", 5)
    report = await stream.expect(Report)
    while not report.events:
        report = await stream.expect(Report)
    event = next(one for one in report.events if one.rule == "consecutive")
    assert (event.phase, event.scope, event.subject.instance) == ("failing", "instance", "s1")
    assert event.digest == member.current.digest
    assert report.ejections is not None
    (said,) = report.ejections
    assert event.ejection is not None
    assert (said.id, said.times, said.mode) == (event.ejection.id, 1, "report")
    assert said.until > time()


async def test_the_next_process_goes_on_with_it_and_the_old_one_says_no_more(
    member: Member, console: ScriptedConsole
) -> None:
    await _in_force(member, console)
    _refuse(member, "s1", 5)
    inheritance = await member.agent.bequest.hand_over()
    (given,) = inheritance.ejections
    assert member.warden.take() == []
    members = {one.endpoint.id: one for one in member.current.table.members.values()}
    for one in members.values():
        one.stats.answered += 1
    _refuse(member, "s2", 5)
    assert member.warden.take() == []

    other = object.__new__(Member)
    other.token_file, other.pauses, other.settings = member.token_file, [], member.settings
    other.begin_anew()
    other.agent.restore(member.agent.bequest.snapshot())
    other.agent.bequest.begin(inheritance)
    (kept,) = other.warden.told()
    assert (kept.id, kept.instance, kept.times) == (given.id, "s1", 1)
    assert abs(kept.until - given.until) < 1.0


async def test_when_nobody_takes_over_it_speaks_again(
    member: Member, console: ScriptedConsole
) -> None:
    stream = await _in_force(member, console)
    await member.agent.bequest.hand_over()
    member.agent.bequest.resume()
    _refuse(member, "s1", 5)
    assert [said.instance for said in await _told(stream)] == ["s1"]
