"""Figures, states and small drawings look the same on every page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from meshconsole.core.templatetags import drawings, mesh


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "–"),
        ("", "–"),
        (0, "0%"),
        (0.0004, "0.04%"),
        (0.123, "12.3%"),
        (0.9994, "99.9%"),
        (1, "100%"),
    ],
)
def test_a_ratio_is_told_with_the_digits_that_matter(ratio: float | None, text: str) -> None:
    assert mesh.percent(ratio) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.0021, "2.1 ms"), (0.05, "50 ms"), (1.0, "1 s"), (2.346, "2.35 s")],
)
def test_a_duration_is_told_as_people_say_it(seconds: float | None, text: str) -> None:
    assert mesh.millis(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (3.14159, "3.1"), (250, "250"), (1500, "1.5k")]
)
def test_a_rate_has_about_three_digits(value: float, text: str) -> None:
    assert mesh.rate(value) == text


@pytest.mark.parametrize(
    ("ratio", "shape", "word"),
    [
        (1.0, "lock-closed", "mTLS"),
        (0.42, "lock-half", "42.0% mTLS"),
        (0.0, "lock-open", "plaintext"),
        (None, "lock-open", "no traffic"),
    ],
)
def test_a_padlock_is_a_shape_and_a_word(ratio: float | None, shape: str, word: str) -> None:
    drawn = mesh.padlock(ratio)
    assert f"#{shape}" in drawn
    assert word in drawn


def test_a_state_is_a_shape_and_a_word() -> None:
    assert "#bad" in mesh.badge("nacked")
    assert "refused" in mesh.badge("nacked")


def test_what_comes_from_outside_is_escaped() -> None:
    assert "<script" not in mesh.badge("<script>")
    assert "<script" not in drawings.split_bar({"<script>": 100})
    assert "<script" not in drawings.sparkline([1, 2], "<script>")


def test_health_names_errors_from_one_percent_on() -> None:
    assert "ok" in mesh.health(0.009, 10)
    assert "is-warn" in mesh.health(0.02, 10)
    assert "is-bad" in mesh.health(0.2, 10)
    assert "quiet" in mesh.health(0.0, 0)


def test_times_are_told_from_now() -> None:
    now = timezone.now()
    assert "5 min ago" in mesh.ago(now - timedelta(minutes=5))
    assert mesh.left(now + timedelta(hours=23, minutes=30)) == "in 23 h"
    assert mesh.left(now - timedelta(seconds=1)) == "over"


def test_a_sparkline_stays_within_its_box_and_says_its_range() -> None:
    drawn = drawings.sparkline([0, 5, None, 10], "Requests")
    heights = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)(?=[LZ\"])", drawn)]
    assert all(0 <= y <= drawings.HEIGHT for y in heights)
    assert "from 0 to 10, now 10" in drawn


def test_a_sparkline_without_data_says_so() -> None:
    assert "not enough data yet" in drawings.sparkline([], "Requests")


def test_a_split_bar_fills_its_width_in_order() -> None:
    drawn = drawings.split_bar({"a": 25, "b": 75})
    assert re.findall(r'x="([\d.]+)%" width="([\d.]+)%"', drawn) == [
        ("0.0", "25.0"),
        ("25.0", "75.0"),
    ]
    assert 'aria-label="a 25%, b 75%"' in drawn


def test_an_audit_row_tells_only_what_changed() -> None:
    class Entry:
        before = {"version": 1, "tier": "critical"}
        after = {"version": 2, "tier": "critical"}

    assert mesh.change_lines(Entry()) == ["version: 1 -> 2"]
