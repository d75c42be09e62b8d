"""What an address asks of a page is believed only when the page offers it."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from meshconsole.core.pages import RANGES, minutes_of


@pytest.mark.parametrize("given", ["", "²", "١", "9" * 5000, "-5", "05", "6", "5 "])
def test_a_span_that_is_not_offered_is_the_usual_one(given: str) -> None:
    assert minutes_of(RequestFactory().get("/", {"minutes": given}), default=15) == 15


def test_each_span_that_is_offered_can_be_asked_for() -> None:
    for minutes, _ in RANGES:
        assert minutes_of(RequestFactory().get("/", {"minutes": str(minutes)})) == minutes
