"""The judge by transcript: who is ejected, when it comes back, and what is told of it."""

from __future__ import annotations

import pytest

from proxy.contract.snapshot import HealingMode, HealingTerms
from tests.unit.proxy.healing.plays import T0, Play, terms


def busy(play: Play, *names: str, n: int = 20) -> None:
    for name in names:
        play.answer(name, n)


def test_the_fifth_failure_in_a_row_ejects_at_once_and_is_reported() -> None:
    play = Play()
    busy(play, "s1", "s2", "s3")
    play.tick()
    for _ in range(4):
        play.fail("s1")
        busy(play, "s2", "s3", n=2)
    assert play.out == []
    play.fail("s1")
    assert play.shares == {"s1": 0}
    (report,) = play.take()
    assert (report.rule, report.scope, report.phase) == ("consecutive", "instance", "failing")
    assert report.subject.instance == "s1"
    assert report.n == 25
    assert report.errors == {"connect": 5}
    assert report.samples[0].detail == "refused"
    assert report.peers is not None
    assert report.peers.count == 2
    said = report.ejection
    assert said is not None
    assert (said.mode, said.state, said.times) == ("eject", "ejected", 1)
    assert said.until - said.since == pytest.approx(30.0)
    assert said.since == pytest.approx(T0 + 1.0)


def test_an_answer_in_between_begins_the_count_anew() -> None:
    play = Play()
    for _ in range(3):
        play.fail("s1", 4)
        play.answer("s1")
        busy(play, "s2", "s3")
    assert play.out == []


def test_when_all_fail_to_be_reached_nobody_is_ejected_and_the_service_is_told_of() -> None:
    play = Play()
    for _ in range(8):
        for name in ("s1", "s2", "s3"):
            play.fail(name)
    reports = play.tick()
    assert play.out == []
    assert [(one.rule, one.scope) for one in reports] == [("service", "service")]


def test_failures_that_come_together_wait_for_a_word_of_the_peers() -> None:
    play = Play()
    busy(play, "s1", "s2", "s3")
    play.tick()
    play.fail("s1", 50, "timeout")
    assert play.out == []
    busy(play, "s2", "s3", n=1)
    play.tick(0.2)
    assert play.out == ["s1"]


def test_failures_of_all_that_come_together_eject_nobody() -> None:
    play = Play(10)
    names = [f"s{at}" for at in range(1, 11)]
    busy(play, *names)
    play.tick()
    for name in names:
        play.fail(name, 50, "timeout")
    play.tick(3.0)
    assert play.out == []


def test_without_a_word_of_idle_peers_a_second_is_enough() -> None:
    play = Play()
    busy(play, "s1", "s2", "s3")
    play.tick()
    play.fail("s1", 5)
    play.tick(0.8)
    assert play.out == []
    play.tick(0.4)
    assert play.out == ["s1"]


@pytest.mark.parametrize(("n", "bad"), [(2, 1), (3, 1), (10, 3)])
def test_an_error_rate_well_above_the_peers_ejects_within_a_second(n: int, bad: int) -> None:
    play = Play(n)
    for at in range(1, n + 1):
        play.serve(f"s{at}", 50, 25 if at <= bad else 0)
    reports = play.tick()
    assert play.out == sorted(f"s{at}" for at in range(1, bad + 1))
    assert {one.rule for one in reports} == {"error_rate"}
    assert all(one.lcb > 0.3 and one.rate == 0.5 for one in reports)


def test_a_rate_that_all_share_ejects_nobody() -> None:
    play = Play(10)
    for _ in range(5):
        for at in range(1, 11):
            play.serve(f"s{at}", 40, 20)
        play.tick()
    assert play.out == []


def test_the_cap_holds_and_those_beyond_it_are_told_of_without_an_ejection() -> None:
    play = Play(10)
    for at in range(1, 11):
        play.serve(f"s{at}", 50, 50 if at <= 4 else 0)
    reports = play.tick()
    assert len(play.out) == 3
    assert [one.ejection is not None for one in reports] == [True, True, True, False]


def test_the_only_endpoint_is_never_ejected_and_still_told_of() -> None:
    play = Play(1)
    play.fail("s1", 30)
    reports = play.tick(2.0)
    assert play.out == []
    assert {(one.rule, one.ejection) for one in reports} == {("consecutive", None)}


def test_when_most_of_what_is_called_fails_this_caller_blames_itself() -> None:
    play = Play(2, "cash:c1", "cash:c2", "tax:t1")
    for name in play.stats:
        play.serve(name, 30, 30)
    reports = play.tick()
    assert play.out == []
    assert ("reporter", "reporter") in {(one.rule, one.scope) for one in reports}
    for name in play.stats:
        play.fail(name, 10)
    play.tick(2.0)
    assert play.out == []


def test_one_sick_endpoint_in_each_of_three_services_is_no_fault_of_the_caller() -> None:
    play = Play(3, *(f"{app}:x{at}" for app in ("cash", "tax") for at in (1, 2, 3)))
    for name in play.stats:
        play.serve(name, 30, 30 if name[-1] == "1" else 0)
    play.tick()
    assert [(said.service, said.instance) for said in play.all_ejections] == [
        ("stock", "s1"), ("cash", "x1"), ("tax", "x1"),
    ]  # fmt: skip


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


def test_failures_that_are_excused_count_for_nothing() -> None:
    play = Play()
    for _ in range(5):
        busy(play, "s2", "s3")
        stats = play.one("s1")
        for _ in range(20):
            stats.attempts += 1
            stats.fail("5xx", excused=True)
        assert play.tick() == []


def test_an_ejection_of_one_service_is_none_of_another_on_the_same_instance() -> None:
    play = ejected(Play(3, "cash:s1", "cash:s2"))
    assert [said.service for said in play.ejections.values()] == ["stock"]


def test_a_slow_endpoint_is_told_of_after_two_windows_and_never_ejected() -> None:
    play = Play()
    told = []
    for _ in range(15):
        busy(play, "s2", "s3")
        play.answer("s1", 20, seconds=0.4)
        told += play.tick()
    assert [(one.rule, one.phase) for one in told] == [("latency", "failing")]
    assert play.ejections == {}
    for _ in range(20):
        busy(play, "s1", "s2", "s3", n=40)
        told += play.tick()
    assert [(one.rule, one.phase) for one in told][-1] == ("latency", "recovered")


def test_another_process_goes_on_with_what_was_ejected() -> None:
    first = ejected(Play())
    first.tick(10.0)
    second = Play()
    second.now = first.now
    second.judge.restore(first.ejections.values(), second.now, T0 + second.now - 1000.0)
    assert second.ejections == first.ejections
    second.tick(21.0)
    assert second.ejections["s1"].state == "probing"


def test_memory_is_bounded_and_the_past_of_who_was_forgotten_is_no_news() -> None:
    play = Play(20)
    play.judge._keys_limit = 10
    for at in range(1, 21):
        play.serve(f"s{at}", 30, 0)
    play.tick()
    assert len(play.judge.ejectors["stock"].records) == 10
    play.serve("s20", 1, 1)
    for _ in range(3):
        play.tick()
    assert play.out == []
