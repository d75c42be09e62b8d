"""How long strict waits: no shorter than the quiet that it is held to."""

from __future__ import annotations

import pytest

from meshconsole.rollouts.kinds.quiet import hold_seconds, minutes_of


@pytest.mark.parametrize(("scale", "minutes"), [(0.01, 1), (0.11, 2), (1.0, 10), (2.0, 20)])
def test_quiet_is_whole_minutes_and_one_at_least(scale: float, minutes: int) -> None:
    assert minutes_of(scale) == minutes
    assert hold_seconds("strict", scale) >= 60 * minutes


def test_what_refuses_no_plaintext_is_held_by_its_scale_alone() -> None:
    assert hold_seconds("plaintext", 0.01) == 6
