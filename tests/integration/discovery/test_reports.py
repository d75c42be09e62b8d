"""Reports: receipted only when kept, counted once however often they come."""

from __future__ import annotations

import time
from typing import Any

import pytest

from meshconsole.healing.models import AnomalyReport as StoredReport, Quarantine
from meshconsole.telemetry import selectors as telemetry
from meshconsole.telemetry.reader import EDGES
from proxy.contract.reports import LATENCY_BUCKETS, AnomalyReport, EdgeWindow, Subject
from proxy.contract.session import Bye, Have, Receipt, Report
from tests.harness.discovery import Console, active, told
from tests.harness.wait import eventually_async


def a_window(requests: int) -> EdgeWindow:
    latency = [0] * LATENCY_BUCKETS
    latency[3] = requests
    return EdgeWindow(
        side="out",
        app="stock",
        unit="unit1",
        group="Group_1",
        interface="GET /stock/{sku}",
        requests=requests,
        status={"2xx": requests},
        latency=latency,
    )


def an_event(number: int = 1) -> AnomalyReport:
    now = time.time()
    return AnomalyReport(
        id=f"event-{number}",
        subject=Subject(
            instance="order-2", address="127.0.0.1:9002", app="order", unit="unit1", group="Group_1"
        ),
        phase="failing",
        rule="connect",
        window_start=now - 1,
        window_end=now,
        n=5,
        errors={"connect": 5},
    )


def a_report(seq: int, **fields: Any) -> Report:
    now = time.time()
    return Report(seq=seq, window_start=now - 1, window_end=now, **fields)


async def requests_seen() -> int:
    # Reports are of the last second, and readers look at buckets that are over.
    edges = await told(lambda: telemetry.edges(minutes=5, now=time.time() + 15))
    return sum(edge.figures.requests for edge in edges if edge.app == "stock")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    EDGES.forget()


async def test_windows_are_receipted_when_redis_has_them(console: Console) -> None:
    stream, _ = await active(await console.joined())
    async with stream:
        await stream.say(a_report(1, up=[a_window(7)]))
        assert (await stream.expect(Receipt)).seq == 1

        async def seen() -> bool:
            return await requests_seen() == 7

        await eventually_async(seen)


async def test_duplicate_and_reordered_reports_count_once(console: Console) -> None:
    sidecar = await console.joined()
    stream, push = await active(sidecar)
    async with stream:
        for seq in (2, 1, 3, 2, 1, 3, 3):
            await stream.say(a_report(seq, up=[a_window(10)]))
        while (await stream.expect(Receipt)).seq != 3:
            pass
    async with await sidecar.opened(have=Have(push.v, push.digest)) as again:
        await again.say(a_report(3, up=[a_window(10)]))
        await again.say(a_report(4, up=[a_window(10)]))
        while (await again.expect(Receipt)).seq != 4:
            pass

    async def seen() -> bool:
        return await requests_seen() == 40

    await eventually_async(seen)


async def test_an_anomaly_is_stored_once_and_receipted(console: Console) -> None:
    other, _ = await active(await console.joined("order-2", addr="127.0.0.1:9002"))
    stream, _ = await active(await console.joined("order-1"))
    async with other, stream:
        await eventually_async(lambda: told(lambda: _registered("order-1", "order-2")))
        for seq in (1, 1, 2):
            await stream.say(a_report(seq, events=[an_event()]))
        while (await stream.expect(Receipt)).seq != 2:
            pass
        (stored,) = await told(lambda: list(StoredReport.objects.all()))
        assert (stored.reporter_instance, stored.subject_instance) == ("order-1", "order-2")


async def test_over_its_quota_a_sidecar_is_asked_to_come_back_and_neighbours_are_not(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshconsole.discovery.intake.BURST", 3.0)
    neighbour, _ = await active(await console.joined("order-2", addr="127.0.0.1:9002"))
    stream, _ = await active(await console.joined("order-1"))
    async with neighbour:
        async with stream:
            for seq in range(1, 10):
                await stream.say(a_report(seq))
            assert (await stream.expect(Bye)).retry_after_ms > 0
        await neighbour.say(a_report(1))
        assert (await neighbour.expect(Receipt)).seq == 1


@pytest.mark.parametrize(
    "frame",
    [
        '{"type": "report", "seq": 1, "window_start": 0, "window_end": NaN}',
        '{"type": "report", "seq": 1e400}',
        '{"type": "report", "seq": 1, "events": [{"id": "\\ud800"}]}',
        "[" * 10_000 + "]" * 10_000,
        "<script>alert(1)</script>",
    ],
)
async def test_what_is_no_message_ends_the_stream_and_is_counted(
    console: Console, frame: str
) -> None:
    stream, _ = await active(await console.joined("order-1"))
    async with stream:
        await stream.say_raw(frame)
        await stream.closed()
    await eventually_async(lambda: told(lambda: _quarantined("frame") == 1))


async def test_who_says_too_much_is_counted(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshconsole.discovery.intake.BURST", 3.0)
    stream, _ = await active(await console.joined("order-1"))
    async with stream:
        for seq in range(1, 10):
            await stream.say(a_report(seq))
        await stream.expect(Bye)
    await eventually_async(lambda: told(lambda: _quarantined("over_quota") == 1))


def _quarantined(reason: str) -> int:
    rows = Quarantine.objects.filter(reporter_instance="order-1", reason=reason)
    return sum(rows.values_list("report_count", flat=True))


def _registered(*ids: str) -> bool:
    from meshconsole.inventory.models import Instance

    return Instance.objects.filter(instance_id__in=ids, state="serving").count() == len(ids)
