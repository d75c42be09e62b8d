"""What happens in a soak, when, and what of its samples is growth."""

from __future__ import annotations

from collections import Counter

import pytest

from meshconsole.drill.soak import LAST_SHARE, QUIET_SHARE, Sample, plan, slopes


@pytest.mark.parametrize("changes", [24, 40, 100])
def test_every_kind_of_event_happens_and_processes_change_in_the_middle_only(changes: int) -> None:
    events = list(plan(changes))
    assert set(Counter(event for _, event in events)) == {
        *("reload", "swap", "leave", "return", "handover")
    }
    shares = [share for share, event in events if event == "handover"]
    assert min(shares) >= QUIET_SHARE
    assert max(shares) < LAST_SHARE
    assert [share for share, _ in events] == sorted(share for share, _ in events)


def _samples(resident: list[int], generation: int = 1) -> list[Sample]:
    return [Sample(generation, at * 10_000, kb * 1024) for at, kb in enumerate(resident)]


def test_steady_growth_is_found_in_kilobytes_per_hundred_thousand() -> None:
    found = slopes(_samples([1000 + 20 * at for at in range(20)]))
    assert found[1] == pytest.approx(200)


def test_the_warm_up_and_a_single_step_are_no_trend() -> None:
    warming = [1000 + 500 * at for at in range(5)]
    assert slopes(_samples(warming + [4000] * 20))[1] == 0
    assert slopes(_samples(warming + [4000] * 15 + [5024] * 3))[1] == 0


def test_a_short_generation_says_nothing() -> None:
    assert slopes(_samples([1000] * 6)) == {}
