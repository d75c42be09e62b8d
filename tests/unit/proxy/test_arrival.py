"""Who is let in is decided before anything is spent on them."""

from __future__ import annotations

import pytest

from proxy.arrival import KEPT_BACK_LEAST, ceiling_of


@pytest.mark.parametrize(
    ("limit", "ceiling"), [(20_000, 15_000), (1024, 768), (64, 64 - KEPT_BACK_LEAST)]
)
def test_some_descriptors_are_kept_back_from_callers(limit: int, ceiling: int) -> None:
    assert ceiling_of(limit) == ceiling
