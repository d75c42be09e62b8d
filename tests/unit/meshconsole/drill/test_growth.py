"""What of a run's samples is growth, and what is left open."""

from __future__ import annotations

import pytest

from meshconsole.drill.growth import Open, Sample, grown, kept, slopes


def _samples(resident: list[int], generation: str = "proxy 1") -> list[Sample]:
    return [Sample(generation, at * 10_000, kb * 1024) for at, kb in enumerate(resident)]


def test_steady_growth_is_found_in_kilobytes_per_hundred_thousand() -> None:
    found = slopes(_samples([1000 + 20 * at for at in range(20)]))
    assert found["proxy 1"] == pytest.approx(200)


def test_the_warm_up_and_a_single_step_are_no_trend() -> None:
    warming = [1000 + 500 * at for at in range(5)]
    assert slopes(_samples(warming + [4000] * 20))["proxy 1"] == 0
    assert slopes(_samples(warming + [4000] * 15 + [5024] * 3))["proxy 1"] == 0


def test_a_short_generation_says_nothing() -> None:
    assert slopes(_samples([1000] * 6)) == {}
    often = [Sample("gate 1", at * 2_000, (1000 + at) * 1024) for at in range(50)]
    assert slopes(often) == {}, "it is judged over less than it was left to warm up"


def test_each_generation_is_judged_by_itself_and_each_process_may_grow_a_little() -> None:
    found = slopes(_samples([1000] * 20) + _samples([1000 + 25 * at for at in range(20)], "gate 1"))
    assert found == {"proxy 1": 0, "gate 1": pytest.approx(250)}
    assert grown(found, 3) == []
    assert grown(found, 1) == ["gate 1 grew by 250 kB per 100,000 requests"]


def test_what_stays_open_is_said() -> None:
    before = Open(files=20, tasks=5)
    assert kept(before, Open(files=23, tasks=6), 1) == []
    assert kept(before, Open(files=26, tasks=11), 1) == [
        "20 files were open before and 26 after",
        "5 tasks ran before and 11 after",
    ]
    assert kept(before, Open(files=26, tasks=5), 3) == []
