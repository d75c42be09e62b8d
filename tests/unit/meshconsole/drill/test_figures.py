"""Percentiles by nearest rank."""

from __future__ import annotations

import pytest

from meshconsole.drill.figures import percentile


@pytest.mark.parametrize(("percent", "expected"), [(50, 10), (95, 19), (99, 20), (100, 20)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([float(n) for n in range(20, 0, -1)], percent) == expected


def test_nothing_measured_is_zero() -> None:
    assert percentile([], 99) == 0
