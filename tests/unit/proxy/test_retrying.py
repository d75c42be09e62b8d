"""Pauses before a retry grow, have a limit, and are spread."""

from __future__ import annotations

from proxy.retrying import PAUSE_LIMIT_SECONDS, PAUSE_SECONDS, pause_after, pause_limit


def test_a_pause_doubles_up_to_its_limit() -> None:
    assert [pause_limit(n) for n in (1, 2, 3, 4, 5, 50)] == [0.025, 0.05, 0.1, 0.2, 0.25, 0.25]
    assert (PAUSE_SECONDS, PAUSE_LIMIT_SECONDS) == (0.025, 0.25)


def test_a_pause_is_anything_up_to_its_limit() -> None:
    pauses = [pause_after(2) for _ in range(500)]
    assert 0 <= min(pauses) < 0.01
    assert 0.04 < max(pauses) <= 0.05
