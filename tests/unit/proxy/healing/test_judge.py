"""The judge by transcript: who is ejected, when it comes back, and what is told of it."""

from __future__ import annotations

import pytest

from tests.unit.proxy.healing.plays import T0, Play, busy


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
    assert all(one.lcb > 0.1 and one.rate >= 0.4 for one in reports)


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


def test_failures_that_are_excused_count_for_nothing() -> None:
    play = Play()
    for _ in range(5):
        busy(play, "s2", "s3")
        stats = play.one("s1")
        for _ in range(20):
            stats.attempts += 1
            stats.fail("5xx", excused=True)
        assert play.tick() == []


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
