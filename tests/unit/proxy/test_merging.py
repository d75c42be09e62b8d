"""What waits becomes less, and what it counts does not."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contract.reports import AnomalyReport, AnomalySample, Subject
from proxy.merging import EACH_KIND_LIMIT, Merger, joined, kind_of
from proxy.outbox import Outbox


def event(id: str, at: float = 0.0, **fields: Any) -> AnomalyReport:
    given: dict[str, Any] = {
        "id": id,
        "subject": Subject(instance="s1", address="h:1", app="stock", unit="unit1"),
        "phase": "failing",
        "rule": "connect",
        "window_start": at,
        "window_end": at + 1,
        "n": 10,
        "errors": {"connect": 4},
    }
    return AnomalyReport(**(given | fields))


def recovered(id: str, at: float = 0.0, **fields: Any) -> AnomalyReport:
    return event(id, at, phase="recovered", n=0, errors={}, **fields)


def waiting(outbox: Outbox) -> list[tuple[str, str, int]]:
    return [(one.id, one.phase, one.n) for one in outbox.events()]


def add(outbox: Outbox, *events: AnomalyReport, is_own: bool = True) -> None:
    outbox.add(0, 1, events=events, is_own=is_own)


def test_two_of_one_kind_are_one_with_the_counts_of_both() -> None:
    sample = AnomalySample(error="connect", detail="refused")
    one = joined(
        event("a", 1, interfaces=("GET /a",), samples=(sample,)),
        event("b", 9, errors={"timeout": 8}, interfaces=("GET /b", "GET /a")),
    )
    assert (one.id, one.window_start, one.window_end) == ("a", 1, 10)
    assert (one.n, one.errors, one.rate) == (20, {"connect": 4, "timeout": 8}, 0.6)
    assert one.interfaces == ("GET /b", "GET /a")
    assert one.samples == (sample,)


@pytest.mark.parametrize(
    "fields",
    [
        {"rule": "latency"},
        {"scope": "service"},
        {"subject": Subject(instance="s2", address="h:1", app="stock", unit="unit1")},
    ],
)
def test_another_fault_is_another_kind(fields: dict[str, Any]) -> None:
    assert kind_of(event("a")) == kind_of(recovered("b", 5))
    assert kind_of(event("a")) != kind_of(event("b", **fields))


def test_hours_without_a_console_are_one_event_for_each_fault() -> None:
    outbox = Outbox()
    for turn in range(1000):
        add(outbox, event(f"a{turn}", turn), event(f"b{turn}", turn, rule="latency"))
    assert waiting(outbox) == [("a0", "failing", 10_000), ("b0", "failing", 10_000)]
    assert (outbox.merged_events, outbox.dropped_events, len(outbox)) == (1998, 0, 1)


def test_a_fault_that_comes_and_goes_keeps_its_latest_turns() -> None:
    outbox = Outbox()
    for turn in range(100):
        add(outbox, event(f"f{turn}", 2 * turn))
        add(outbox, recovered(f"r{turn}", 2 * turn + 1))
    kept = waiting(outbox)
    assert len(kept) <= EACH_KIND_LIMIT
    assert [phase for _, phase, _ in kept] == ["failing", "recovered"] * (len(kept) // 2)
    assert sum(n for _, _, n in kept) == 1000
    assert kept[-1][0] == "r99"
    first = outbox.events()[0]
    assert (first.id, first.window_start) == ("f0", 0)


def test_what_was_sent_or_may_have_been_is_left_as_it_is() -> None:
    outbox = Outbox()
    add(outbox, event("restored"), is_own=False)
    add(outbox, event("a"))
    assert outbox.after(0) is not None
    assert outbox.after(1) is not None
    add(outbox, event("b"))
    add(outbox, event("c"))
    assert waiting(outbox) == [
        ("restored", "failing", 10), ("a", "failing", 10), ("b", "failing", 20),
    ]  # fmt: skip


def test_nothing_overtakes_what_came_before_it() -> None:
    outbox = Outbox()
    add(outbox, event("f1"))
    add(outbox, recovered("r1", 1), event("f2", 2))
    assert [id for id, _, _ in waiting(outbox)] == ["f1", "r1", "f2"]


def test_a_merger_without_reports_adds_nothing() -> None:
    assert Merger([]).add([event("a")]) == [event("a")]
