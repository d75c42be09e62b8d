"""Pictures of gates: lines with gaps, bounds in sight, verdicts by shape, numbers with units."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meshconsole.rollouts.charts import HEIGHT, MARKS_LIMIT, WIDTH, chart_of, told
from meshconsole.rollouts.shapes import GatePoint, GateShown

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def a_gate(*values: float | None, bound: float | None = 0.005, verdict: str = "pass") -> GateShown:
    series = [
        GatePoint(
            at=AT + timedelta(seconds=30 * number),
            value=value,
            control=None if value is None else value / 2,
            bound=bound,
            verdict="inconclusive" if value is None else verdict,
        )
        for number, value in enumerate(values)
    ]
    last = series[-1]
    return GateShown(
        metric="p99",
        verdict=last.verdict,
        is_hard=False,
        measure="seconds",
        value=last.value,
        control=last.control,
        bound=last.bound,
        sentence="p99 stayed.",
        at=last.at,
        series=series,
    )


def test_a_line_has_a_gap_where_nothing_is_known() -> None:
    chart = chart_of(a_gate(0.001, 0.002, None, 0.001, 0.001))
    assert chart.line.count("M") == 2
    assert chart.line.count("L") == 2
    assert [mark.verdict for mark in chart.marks].count("inconclusive") == 1


def test_everything_is_inside_of_the_picture_and_the_bound_is_in_sight() -> None:
    for values in ((0.0, 0.0), (0.5, -0.2, 0.001), (-1.0, -2.0), (1e9,)):
        chart = chart_of(a_gate(*values))
        assert chart.bound_y is not None
        assert all(0 <= mark.x <= WIDTH and 0 <= mark.y <= HEIGHT for mark in chart.marks)
        assert 0 <= chart.bound_y <= HEIGHT


def test_a_value_above_its_bound_is_drawn_above_it() -> None:
    chart = chart_of(a_gate(0.001, 0.021, verdict="fail"))
    assert chart.bound_y is not None
    assert chart.marks[-1].y < chart.bound_y < chart.marks[0].y


def test_one_round_stands_in_the_middle_and_is_no_line() -> None:
    chart = chart_of(a_gate(0.001))
    assert (chart.line, chart.marks[0].x) == ("", WIDTH / 2)


def test_many_rounds_mark_only_failures_and_the_last_one() -> None:
    assert len(chart_of(a_gate(*[0.001] * (MARKS_LIMIT + 5))).marks) == 1
    assert len(chart_of(a_gate(*[0.1] * (MARKS_LIMIT + 5), verdict="fail")).marks) > MARKS_LIMIT


def test_nothing_known_is_a_picture_too() -> None:
    chart = chart_of(a_gate(None, None, bound=None))
    assert (chart.line, chart.bound_y, chart.value) == ("", None, "–")


def test_the_table_says_the_same_newest_first() -> None:
    rows = chart_of(a_gate(0.001, 0.021)).rows
    assert [row.value for row in rows] == ["+21.0 ms", "+1.0 ms"]
    assert rows[0].bound == "5.0 ms"
    assert rows[0].at == AT + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("metric", "measure", "number", "text"),
    [
        ("error_rate", "ratio", 0.048, "+4.80 points"),
        ("plaintext", "ratio", 0.001, "0.10%"),
        ("memory", "ratio", -0.03, "-3.00%"),
        ("p50", "seconds", 0.25, "+250 ms"),
        ("cut", "count", 0.0, "0"),
        ("handshakes", "count", 1.5, "1.5"),
        ("cpu", "ratio", None, "–"),
    ],
)
def test_numbers_have_their_unit(
    metric: str, measure: str, number: float | None, text: str
) -> None:
    assert told(metric, measure, number) == text
