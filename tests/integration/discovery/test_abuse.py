"""A sidecar of the mesh that means ill harms nobody but itself."""

from __future__ import annotations

import time

import pytest

from meshconsole.discovery import enrol, intake
from proxy.contract.reports import AnomalyReport, Subject
from proxy.contract.session import Bye, Push, Receipt, Refused, Report
from tests.factories import an_application
from tests.harness.discovery import Console, active, split, told


def a_report(seq: int, events: int = 0) -> Report:
    now = time.time()
    subject = Subject(instance="stock-1", address="127.0.0.1:1", app="stock", unit="unit1")
    return Report(
        seq=seq,
        window_start=now - 1,
        window_end=now,
        events=[
            AnomalyReport(
                id=f"event-{seq}-{at}",
                subject=subject,
                phase="failing",
                rule="connect",
                window_start=now - 1,
                window_end=now,
                n=1,
            )
            for at in range(events)
        ],
    )


async def test_nobody_is_sent_away_by_another_application_with_the_same_id(
    console: Console,
) -> None:
    victim, _ = await active(await console.joined("order-1"))
    async with victim:
        for _ in range(2):
            async with await (await console.joined("order-1", app="stock")).opened() as stream:
                assert (await stream.expect(Refused)).code == "instance_taken"
        await told(lambda: an_application("order").groups.create(name="Group_2"))
        await split(30)
        await victim.ack(await victim.expect(Push))


async def test_a_quota_is_not_filled_by_coming_back(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BURST", 3.0)
    monkeypatch.setattr(intake, "RATE_PER_SECOND", 0.001)
    sidecar = await console.joined()
    stream, _ = await active(sidecar)
    async with stream:
        for seq in range(1, 5):
            await stream.say(a_report(seq))
        assert "Too many reports" in (await stream.expect(Bye)).reason
    async with await sidecar.opened() as again:
        await again.say(a_report(1))
        assert "Too many reports" in (await again.expect(Bye)).reason


async def test_a_report_longer_than_any_honest_one_is_not_taken(console: Console) -> None:
    stream, _ = await active(await console.joined())
    async with stream:
        await stream.say(a_report(1, events=intake.EVENTS_PER_REPORT))
        assert (await stream.expect(Receipt)).seq == 1
        await stream.say(a_report(2, events=intake.EVENTS_PER_REPORT + 1))
        assert "Too many reports" in (await stream.expect(Bye)).reason


async def test_those_who_say_nothing_at_the_enrolment_door_keep_nobody_out(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrol, "AT_ONCE_LIMIT", 3)
    mute = [await console.sidecar(f"mute-{at}").at_door() for at in range(5)]
    try:
        await console.joined()
    finally:
        for door in mute:
            await door.socket.close()
