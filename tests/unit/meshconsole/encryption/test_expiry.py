"""What is left of a certificate's life has a word, a look and a place in the strip."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meshconsole.encryption.expiry import BINS, bins_of, life_of
from meshconsole.encryption.templatetags.certified import expiry_strip, life_bar, mode

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAY = timedelta(hours=24)


def life(left: timedelta) -> tuple[datetime, datetime]:
    return NOW + left - DAY, NOW + left


@pytest.mark.parametrize(
    ("left", "look", "word"),
    [
        (timedelta(hours=20), "ok", "valid"),
        (timedelta(hours=7), "ok", "valid"),
        (timedelta(hours=6), "warn", "ends soon"),
        (timedelta(hours=1), "bad", "ends now"),
        (timedelta(0), "bad", "ended"),
        (-DAY, "bad", "ended"),
    ],
)
def test_a_life_is_told_by_its_share_that_is_left(left: timedelta, look: str, word: str) -> None:
    found = life_of(*life(left), NOW)
    assert (found.look, found.word) == (look, word)
    assert 0 <= found.share_left <= 1


def test_a_life_of_no_length_has_none_left() -> None:
    assert life_of(NOW, NOW, NOW - DAY).share_left == 0.0


def test_the_strip_has_every_certificate_once_and_the_worst_look_wins() -> None:
    hours = timedelta(hours=1)
    short = (NOW - 100 * hours, NOW + 2.5 * hours)
    bins = bins_of([life(2.2 * hours), short, life(-DAY), life(90 * hours)], NOW)
    assert len(bins) == BINS
    assert sum(one.count for one in bins) == 4
    assert (bins[2].count, bins[2].look) == (2, "bad")
    assert (bins[0].count, bins[BINS - 1].count) == (1, 1)


def test_drawings_say_in_words_what_they_show() -> None:
    strip = expiry_strip(bins_of([life(timedelta(hours=2.5))], NOW))
    assert "Certificates by when they end: 1 in 2 h" in strip
    assert "none" in expiry_strip(bins_of([], NOW))
    assert "valid, 50% of its life left" in life_bar(life_of(*life(DAY / 2), NOW))
    assert "3 strict" in mode("strict", 3)
    assert "lock-closed" in mode("strict")
