"""Quantiles out of buckets."""

from __future__ import annotations

import pytest

from meshconsole.telemetry.histogram import empty, merge, quantile, share_above
from proxy.contract.reports import LATENCY_BOUNDS_SECONDS


def counts(**at: int) -> list[int]:
    histogram = empty()
    for place, count in at.items():
        histogram[int(place[1:])] = count
    return histogram


def test_nothing_has_no_quantile() -> None:
    assert quantile(empty(), 0.5) is None
    assert quantile([], 0.5) is None


def test_a_quantile_lies_linearly_inside_its_bucket() -> None:
    assert quantile(counts(b3=100), 0.5) == pytest.approx(0.0075)
    assert quantile(counts(b0=100), 0.5) == pytest.approx(0.0005)


def test_quantiles_move_to_the_bucket_that_holds_their_rank() -> None:
    histogram = counts(b2=90, b7=10)
    assert quantile(histogram, 0.5) == pytest.approx(0.0025 + 0.0025 * 50 / 90)
    assert quantile(histogram, 0.95) == pytest.approx(0.0875)


def test_what_is_slower_than_the_last_bound_is_told_as_that_bound() -> None:
    assert quantile(counts(b16=5), 0.5) == LATENCY_BOUNDS_SECONDS[-1]


def test_merging_adds_bucket_by_bucket_and_nothing_adds_nothing() -> None:
    histogram = counts(b1=2)
    merge(histogram, counts(b1=3, b4=1))
    merge(histogram, [])
    assert histogram == counts(b1=5, b4=1)


def test_the_share_above_a_bound_is_linear_inside_its_bucket() -> None:
    histogram = counts(b3=80, b16=20)
    assert share_above(histogram, 0.0) == 1.0
    assert share_above(histogram, 0.0075) == pytest.approx(0.6)
    assert share_above(histogram, 0.01) == pytest.approx(0.2)
    assert share_above(histogram, 100.0) == pytest.approx(0.2)
    assert share_above(empty(), 1.0) == 0.0
