"""Reports wait in order, within a bound, and windows give way to events."""

from __future__ import annotations

from proxy.contract.reports import LATENCY_BUCKETS, AnomalyReport, EdgeWindow, Ejection, Subject
from proxy.outbox import Outbox


def window(requests: int = 1, interface: str = "GET /") -> EdgeWindow:
    return EdgeWindow(
        side="out",
        app="stock",
        unit="unit1",
        group="Group_1",
        interface=interface,
        requests=requests,
        status={"2xx": requests},
        errors={"connect": 1},
        latency=[requests] + [0] * (LATENCY_BUCKETS - 1),
        latency_sum_seconds=0.5,
    )


def event(name: str) -> AnomalyReport:
    return AnomalyReport(
        id=name,
        subject=Subject(instance="s1", address="h:1", app="stock", unit="unit1"),
        phase="failing",
        rule="connect",
        window_start=0.0,
        window_end=1.0,
        n=1,
    )


def sent(outbox: Outbox) -> list[int]:
    """Every waiting number, as a new stream would send them."""
    numbers: list[int] = []
    while (report := outbox.after(numbers[-1] if numbers else 0)) is not None:
        numbers.append(report.seq)
    return numbers


def test_numbers_grow_and_a_receipt_forgets_up_to_it() -> None:
    outbox = Outbox()
    for at in range(5):
        outbox.add(at * 10, at * 10 + 1, [window()])
    assert sent(outbox) == [1, 2, 3, 4, 5]
    outbox.receipt(3)
    assert sent(outbox) == [4, 5]
    outbox.receipt(3)
    assert len(outbox) == 2


def test_a_receipt_for_what_was_never_sent_forgets_nothing() -> None:
    outbox = Outbox()
    outbox.add(0, 1, [window()])
    outbox.receipt(99)
    assert len(outbox) == 1


def test_nothing_seen_is_nothing_to_report() -> None:
    outbox = Outbox()
    outbox.add(0, 1)
    assert len(outbox) == 0


def test_unsent_windows_of_the_same_ten_seconds_become_one_report() -> None:
    outbox = Outbox()
    for second in range(100, 120):
        outbox.add(second, second + 1, [window(2), window(1, "GET /other")])
    assert len(outbox) == 2
    report = outbox.after(0)
    assert report is not None
    assert (report.window_start, report.window_end) == (100, 110)
    first = report.up[0]
    assert (first.requests, first.status, first.errors) == (20, {"2xx": 20}, {"connect": 10})
    assert first.latency[0] == 20
    assert first.latency_sum_seconds == 5.0


def test_nothing_is_added_to_a_report_that_was_sent() -> None:
    outbox = Outbox()
    outbox.add(100, 101, [window()])
    assert outbox.after(0) is not None
    outbox.add(101, 102, [window()])
    assert sent(outbox) == [1, 2]


def test_when_full_windows_go_before_events_and_old_before_new() -> None:
    outbox = Outbox(limit=3)
    outbox.add(0, 1, [window()], [event("a")])
    outbox.add(10, 11, [window()])
    outbox.add(20, 21, events=[event("b")])
    outbox.add(30, 31, events=[event("c")])
    assert [one.id for one in outbox.events()] == ["a", "b", "c"]
    assert outbox.dropped_windows == 2
    assert outbox.dropped_events == 0
    outbox.add(40, 41, events=[event("d")])
    assert [one.id for one in outbox.events()] == ["b", "c", "d"]
    assert outbox.dropped_events == 1
    assert len(outbox) == 3


def test_a_thousand_and_more_reports_stay_a_thousand() -> None:
    outbox = Outbox()
    for at in range(1500):
        outbox.add(at * 10, at * 10 + 1, [window()])
    assert len(outbox) == 1000
    assert outbox.dropped_windows == 500
    assert sent(outbox)[0] == 501


def test_a_long_report_is_several() -> None:
    outbox = Outbox()
    outbox.add(
        0,
        1,
        [window(interface=f"GET /{at}") for at in range(600)],
        [event(str(at)) for at in range(70)],
    )
    assert len(outbox) == 3
    assert len(outbox.events()) == 70


def test_of_ejections_only_the_newest_word_waits_and_what_was_sent_stays() -> None:
    outbox = Outbox()
    said = Ejection(
        id="e", service="stock", instance="s1", address="h:1", unit="u", rule="consecutive",
        since=1.0, until=31.0, mode="eject",
    )  # fmt: skip
    outbox.add(0, 1, [window()], ejections=(said,))
    outbox.after(0)
    outbox.add(15, 16, [window()], ejections=(said,))
    outbox.add(30, 31, ejections=(said,))
    outbox.add(45, 46, ejections=())
    waiting = [outbox.after(seq) for seq in range(3)]
    told = [(one.seq, one.ejections) for one in waiting if one is not None]
    assert told == [(1, (said,)), (2, None), (4, ())]
