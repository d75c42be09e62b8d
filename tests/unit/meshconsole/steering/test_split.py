"""Splits are checked, compared and told in words."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from meshconsole.steering.split import (
    difference,
    group_findings,
    moves,
    normalised,
    shape_findings,
    summary,
)


def codes(split: dict[str, object]) -> list[str]:
    return [finding.code for finding in shape_findings(split)]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ({"a": 100}, []),
        ({"a": 33.33, "b": 66.67}, []),
        ({"a": 0, "b": 100}, []),
        ({}, ["split_empty"]),
        ({"a": 60, "b": 60}, ["percent_sum"]),
        ({"a": 50, "b": 49.9}, ["percent_sum"]),
        ({"a": -1, "b": 101}, ["percent", "percent"]),
        ({"a": float("nan")}, ["percent"]),
        ({"a": float("inf")}, ["percent"]),
        ({"a": True}, ["percent"]),
        ({"a": "100"}, ["percent"]),
        ({"a": None}, ["percent"]),
        ({"a": 33.333, "b": 66.667}, ["percent_fine", "percent_fine"]),
        ({f"g{n}": 1 for n in range(100)}, ["split_long"]),
    ],
)
def test_only_percents_that_sum_to_100_pass(split: dict[str, object], expected: list[str]) -> None:
    assert codes(split) == expected


def test_an_unknown_group_blocks_and_an_empty_one_warns() -> None:
    found = group_findings(
        {"a": 50, "b": 50, "c/d": 0}, app="order", groups=["a", "b"], serving={"a": 2}
    )
    assert [(f.code, f.severity, f.pointer) for f in found] == [
        ("group_empty", "warn", "/split/b"),
        ("group_unknown", "block", "/split/c~1d"),
    ]


def test_a_group_of_zero_percent_may_be_empty() -> None:
    assert not group_findings({"a": 100, "b": 0}, app="x", groups=["a", "b"], serving={"a": 1})


def test_the_matrix_moves_as_little_as_it_can() -> None:
    matrix = moves({"a": 100}, {"a": 50, "b": 30, "c": 20}, rate=200)
    assert [(m.source, m.target, m.percent, m.requests_per_second) for m in matrix] == [
        ("a", "a", 50, 100),
        ("a", "b", 30, 60),
        ("a", "c", 20, 40),
    ]


@given(st.data())
def test_the_matrix_keeps_every_share(data: st.DataObject) -> None:
    def split() -> dict[str, float]:
        cut = data.draw(st.integers(0, 100))
        return (
            {"a": cut, "b": 100 - cut} if data.draw(st.booleans()) else {"c": 100 - cut, "a": cut}
        )

    before, after = split(), split()
    matrix = moves(before, after, rate=1)
    for group in "abc":
        out = sum(m.percent for m in matrix if m.source == group)
        into = sum(m.percent for m in matrix if m.target == group)
        assert out == pytest.approx(before.get(group, 0))
        assert into == pytest.approx(after.get(group, 0))


def test_a_change_is_told_in_words() -> None:
    assert summary("order", {"a": 100}, {"a": 50, "b": 50}) == (
        "Move 50% from a to b of requests to order: 50% a, 50% b."
    )
    assert summary("order", None, {"a": 100, "b": 0}) == "Route requests to order: 100% a."
    assert summary("order", {"a": 100}, {"a": 100, "b": 0}) == "Nothing changes for order: 100% a."
    assert difference({"a": 100}, {"a": 12.5, "b": 87.5}) == ["a: 100% -> 12.5%", "b: 0% -> 87.5%"]
    assert difference(None, {"a": 100}) == ["a: no route -> 100%"]
    assert difference({"a": 100}, {"a": 100, "b": 0}) == []


def test_one_content_has_one_form() -> None:
    assert list(normalised({"b": 50.0, "a": 50}).items()) == [("a", 50), ("b", 50)]
    assert isinstance(normalised({"a": 100.0})["a"], int)
