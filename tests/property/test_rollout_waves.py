"""Laws of generated waves, and of gates over any traffic."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given, strategies as st

from meshconsole.rollouts.differences import traffic_findings
from meshconsole.rollouts.facts import Side, Traffic
from meshconsole.rollouts.plan import LADDER, WHOLE_UNIT_SHARE, Seat, ladder, shares
from proxy.contract.reports import LATENCY_BUCKETS

SHARE_OF = {name: part for name, part, _ in LADDER}


@st.composite
def meshes(draw: st.DrawFn) -> list[Seat]:
    sizes = draw(st.lists(st.integers(1, 40), min_size=0, max_size=6))
    return [
        Seat(
            instance=f"u{unit}-{n}",
            application=draw(st.sampled_from(["order", "stock"])),
            unit=f"u{unit}",
            environment=draw(st.sampled_from(["", "dev", "prod"])),
        )
        for unit, size in enumerate(sizes)
        for n in range(size)
    ]


@given(meshes(), st.randoms())
def test_waves_reach_everybody_once_in_one_order(mesh: list[Seat], random: object) -> None:
    steps = ladder(mesh)
    reached = [name for step in steps for name in step.instances]
    assert sorted(reached) == sorted(seat.instance for seat in mesh)
    assert all(step.instances for step in steps)
    shuffled = list(mesh)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ladder(shuffled) == steps


@given(meshes())
def test_no_wave_reaches_more_than_its_share_and_no_whole_unit_goes_early(mesh: list[Seat]) -> None:
    unit_of = {seat.instance: seat.unit for seat in mesh}
    sizes = Counter(unit_of.values())
    reached: Counter[str] = Counter()
    for step in ladder(mesh):
        reached.update(unit_of[name] for name in step.instances)
        part = SHARE_OF[step.share]
        assert reached.total() <= max(1, math.ceil(part * len(mesh)))
        if part < WHOLE_UNIT_SHARE:
            assert all(reached[unit] < size for unit, size in sizes.items())


PERCENTS = st.integers(0, 10_000).map(lambda cents: cents / 100)


@given(PERCENTS, PERCENTS)
def test_every_split_on_the_way_is_whole_and_monotone(before: float, after: float) -> None:
    one = {"a": round(100 - before, 2), "b": before}
    other = {"a": round(100 - after, 2), "b": after}
    steps = shares(one, other)
    towards = [before, *(step.split["b"] for step in steps)]
    assert towards == sorted(towards, reverse=after < before)
    for step in steps:
        assert round(sum(step.split.values()), 6) == 100
        assert all(round(percent, 2) == percent for percent in step.split.values())
    if before != after:
        assert steps[-1].split == other
    assert len({tuple(step.split.items()) for step in steps}) == len(steps)


@st.composite
def sides(draw: st.DrawFn) -> Side:
    counts = draw(st.lists(st.integers(0, 400), min_size=LATENCY_BUCKETS, max_size=LATENCY_BUCKETS))
    total = sum(counts)
    return Side(requests=total, errors=draw(st.integers(0, total)), latency=tuple(counts))


@given(sides(), sides(), st.integers(0, 5000))
def test_few_requests_never_pass_and_never_fail(before: Side, now: Side, least: int) -> None:
    found = traffic_findings(Traffic(cohort_before=before, cohort_now=now), least)
    scarce = min(before.requests, now.requests) < least
    if scarce:
        assert {one.verdict for one in found} == {"inconclusive"}
    elif now.requests and before.requests:
        assert "inconclusive" not in {one.verdict for one in found}


@given(sides(), sides())
def test_a_change_that_everybody_shares_never_fails(before: Side, now: Side) -> None:
    traffic = Traffic(cohort_before=before, cohort_now=now, control_before=before, control_now=now)
    assert "fail" not in {one.verdict for one in traffic_findings(traffic, 1)}
