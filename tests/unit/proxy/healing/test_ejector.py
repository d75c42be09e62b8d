"""How an endpoint that was ejected comes back, stays out, or is let go."""

from __future__ import annotations

import pytest

from proxy.contract.snapshot import HealingMode, HealingTerms
from tests.unit.proxy.healing.plays import START, T0, Play, busy, terms


def state(play: Play) -> str:
    return play.ejections["s1"].state


def ejected(play: Play) -> Play:
    busy(play, "s2", "s3")
    for _ in range(5):
        play.fail("s1")
        busy(play, "s2", "s3", n=1)
    assert play.out == ["s1"]
    play.take()
    return play


def test_it_is_probed_when_its_time_is_over_and_returns_bit_by_bit() -> None:
    play = ejected(Play())
    play.tick(29.0)
    assert state(play) == "ejected"
    play.tick(2.0)
    assert state(play) == "probing"
    assert play.shares == {"s1": 0}
    for _ in range(5):
        play.answer("s1")
        play.tick(0.2)
    assert state(play) == "returning"
    shares, reports = [], []
    for _ in range(31):
        shares.append(play.shares.get("s1", 20))
        reports += play.tick()
    assert shares[0] == 2
    assert shares == sorted(shares)
    assert play.ejections == {}
    assert [(one.phase, one.rule) for one in reports] == [("recovered", "consecutive")]


def test_one_bad_probe_ejects_again_for_twice_as_long() -> None:
    play = ejected(Play())
    play.tick(31.0)
    play.answer("s1", 4)
    play.tick(0.2)
    play.fail("s1")
    (report,) = play.tick(0.2)
    assert report.ejection is not None
    assert (report.ejection.times, report.ejection.state) == (2, "ejected")
    assert report.ejection.until - report.ejection.since == pytest.approx(60.0)


def test_the_number_of_ejections_in_a_row_is_forgotten_in_health() -> None:
    play = ejected(Play(given=terms(slow_start_seconds=0.0)))
    play.tick(31.0)
    play.answer("s1", 5)
    play.tick()
    assert play.ejections == {}
    play.now += 299.0
    assert ejected(play).ejections["s1"].times == 2
    play.tick(61.0)
    play.answer("s1", 5)
    play.tick()
    play.now += 2 * 300.0
    assert ejected(play).ejections["s1"].times == 1


def test_an_endpoint_that_leaves_is_told_of_as_recovered_and_its_ejection_ends() -> None:
    play = ejected(Play())
    del play.stats["stock:s1"]
    play.follow()
    assert [one.phase for one in play.take()] == ["recovered"]
    assert play.ejections == {}


def test_when_the_service_shrinks_the_oldest_ejection_ends() -> None:
    play = Play(6)
    for second, name in enumerate(("s1", "s2")):
        for other in ("s3", "s4", "s5", "s6"):
            busy(play, other, n=30)
        play.serve(name, 50, 50)
        play.tick()
        assert len(play.out) == second + 1
    for gone in ("s5", "s6", "s4"):
        del play.stats[f"stock:{gone}"]
    play.follow()
    assert play.out == ["s2"]


@pytest.mark.parametrize(("mode", "share"), [("weight", 1), ("report", None)])
def test_other_modes_leave_it_a_share_or_all_of_it(mode: HealingMode, share: int | None) -> None:
    play = ejected(Play(given=terms(mode=mode)))
    assert play.shares.get("s1") == share
    assert play.ejections["s1"].mode == mode


def test_where_nothing_is_done_it_is_told_again_while_it_fails_and_ends_when_it_is_well() -> None:
    play = Play(given=HealingTerms(name="stock"))
    told = []
    for _ in range(40):
        busy(play, "s2", "s3")
        play.serve("s1", 20, 20)
        told += play.tick()
    assert [one.phase for one in told] == ["failing"] * 3
    assert told[-1].ejection is not None
    assert told[-1].ejection.times == 2
    for _ in range(70):
        busy(play, "s1", "s2", "s3")
        told += play.tick()
    assert told[-1].phase == "recovered"
    assert play.ejections == {}


def test_ejection_that_is_turned_off_ends_and_nothing_is_judged() -> None:
    play = ejected(Play())
    play.terms["stock"] = HealingTerms(name="stock", mode="off")
    play.follow()
    assert play.ejections == {}
    assert [one.phase for one in play.take()] == ["recovered"]
    play.fail("s1", 30)
    assert play.tick(5.0) == []


def test_an_ejection_of_one_service_is_none_of_another_on_the_same_instance() -> None:
    play = ejected(Play(3, "cash:s1", "cash:s2"))
    assert [said.service for said in play.ejections.values()] == ["stock"]


def test_another_process_goes_on_with_what_was_ejected() -> None:
    first = ejected(Play())
    first.tick(10.0)
    second = Play()
    second.now = first.now
    second.judge.restore(first.ejections.values(), second.now, T0 + second.now - START)
    assert second.ejections == first.ejections
    second.tick(21.0)
    assert second.ejections["s1"].state == "probing"
