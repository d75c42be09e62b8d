"""Faults of busy endpoints: how few requests they cost, and that chance is taken for none."""

from __future__ import annotations

import random

import pytest

from tests.unit.proxy.healing.plays import Play, busy


def in_turn(play: Play, requests: int, rates: dict[str, float], seed: int) -> int:
    """Requests in turn, 100 a second for each endpoint, until one is ejected; how many failed."""
    chance, failed = random.Random(seed), 0
    for at in range(requests):
        for stats in list(play.stats.values()):
            id = stats.endpoint.id
            if id in play.out:
                continue
            if chance.random() < rates.get(id, rates[""]):
                failed += id == "s1"
                play.fail(id, 1, "5xx")
            else:
                play.answer(id)
        if play.out:
            return failed
        if at % 20 == 19:
            play.tick(0.2)
    return failed


@pytest.mark.parametrize(("rate", "most"), [(1.0, 10), (0.5, 20), (0.2, 60)])
def test_a_fault_after_long_health_is_found_by_what_came_since(rate: float, most: int) -> None:
    failures = []
    for seed in range(40):
        play = Play()
        in_turn(play, 600, {"": 0.0}, seed)
        failures.append(in_turn(play, 400, {"s1": rate, "": 0.0}, seed))
        assert play.out == ["s1"]
    assert sum(failures) / len(failures) <= most


@pytest.mark.parametrize(("n", "rate"), [(2, 0.01), (3, 0.03), (10, 0.05), (3, 0.5), (10, 0.5)])
def test_what_all_have_alike_ejects_nobody_over_many_requests(n: int, rate: float) -> None:
    for seed in range(4):
        play = Play(n)
        in_turn(play, 4000 // n, {"": rate}, seed)
        assert play.out == []


def test_whoever_asks_after_an_endpoint_that_refused_saves_the_others_from_it() -> None:
    play = Play()
    busy(play, "s1", "s2", "s3")
    play.tick()
    play.fail("s1")
    key = ("stock", "s1", "10.0.0.1:80")
    for _ in range(4):
        assert play.judge.is_doubted("stock", key)
        busy(play, "s2", "s3", n=1)
        play.judge.missed("stock", key, "Connection refused", play.now)
    assert not play.judge.is_doubted("stock", key)
    (report,) = play.take()
    assert (report.rule, report.errors) == ("consecutive", {"connect": 5})
    assert play.out == ["s1"]
