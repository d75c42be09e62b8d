"""Reports of one case become lanes over one axis: counted once, on one scale, bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from meshconsole.healing.casebook.evidence import LANES_LIMIT, SAMPLES_LIMIT, evidence_from

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
END = BEGIN + timedelta(seconds=64)


def said(reporter: str, second: float, failed: int, **fields: Any) -> dict[str, Any]:
    at = BEGIN + timedelta(seconds=second)
    return {
        "reporter_instance": reporter, "reporter_app": "order", "reporter_unit": "unit1",
        "phase": "failing", "rule": "connect", "n": 20, "errors": {"connect": failed},
        "samples": [], "window_start": at - timedelta(seconds=1), "window_end": at,
    } | fields  # fmt: skip


def test_lanes_share_a_scale_and_who_saw_most_comes_first() -> None:
    found = evidence_from([said("a", 0, 2), said("b", 32.5, 8)], [(END, "end")], BEGIN, END)
    assert [lane.reporter for lane in found.lanes] == ["b", "a"]
    (most,), (least,) = found.lanes[0].bars, found.lanes[1].bars
    assert most.height == 4 * least.height
    assert (most.x, least.x) == (160.0, 0.0)
    assert most.top + most.height == 34
    assert found.marks[0].x == 320
    assert found.failures == 10


def test_two_rules_that_speak_of_the_same_window_are_counted_once() -> None:
    rows = [said("a", 5, 3), said("a", 5, 4, rule="error_rate")]
    (lane,) = evidence_from(rows, [], BEGIN, END).lanes
    assert (lane.failures, lane.reports) == (4, 1)


def test_the_newest_word_says_whether_it_still_fails() -> None:
    rows = [said("a", 9, 0, phase="recovered", errors={}), said("a", 5, 3)]
    (lane,) = evidence_from(rows, [], BEGIN, END).lanes
    assert not lane.is_failing
    assert lane.ratio == 3 / 20


def test_what_nobody_saw_has_no_lane_and_a_moment_outside_has_no_mark() -> None:
    found = evidence_from([], [(END + timedelta(seconds=1), "late")], BEGIN, END)
    assert (found.lanes, found.marks, found.samples) == ([], [], [])


def test_many_reporters_are_counted_and_the_first_are_drawn() -> None:
    rows = [said(f"r{number:03}", 1, 1) for number in range(LANES_LIMIT + 3)]
    found = evidence_from(rows, [], BEGIN, END)
    assert (len(found.lanes), found.more) == (LANES_LIMIT, 3)


def test_the_newest_samples_are_kept() -> None:
    kept = [{"error": "connect", "detail": str(number)} for number in range(3)]
    rows = [said("a", second, 1, samples=kept) for second in range(4)]
    samples = evidence_from(rows, [], BEGIN, END).samples
    assert len(samples) == SAMPLES_LIMIT
    assert samples[0].at == BEGIN + timedelta(seconds=3)
