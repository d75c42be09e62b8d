"""The detector by transcript: what the relay says, what is reported, second by second."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from proxy.contract.reports import AnomalyReport, ErrorClass
from proxy.contract.snapshot import Endpoint
from proxy.current import EndpointStats
from proxy.failures import Failure
from proxy.healing.detector import Detector

T0 = 1_700_000_000.0


class Play:
    """One caller and its upstreams, told by the second."""

    def __init__(self, *names: str, keys_limit: int = 10_000) -> None:
        self.ids = count(1)
        self.woken = 0
        self.detector = Detector(
            wake=self._wake, new_id=lambda: f"id{next(self.ids)}", keys_limit=keys_limit
        )
        self.stats = {
            name: EndpointStats(
                "stock",
                Endpoint(id=name, addr=f"10.0.0.{at}:80", group="Group_1", unit="unit1"),
            )
            for at, name in enumerate(names or ("s1", "s2"), start=1)
        }

    def _wake(self) -> None:
        self.woken += 1

    def refuse(self, name: str, times: int = 1, *, error: ErrorClass = "connect") -> None:
        one = self.stats[name]
        for _ in range(times):
            one.attempts += 1
            if error == "connect":
                one.connect += 1
            else:
                one.timeout += 1
            self.detector.failed(
                Failure(
                    service="stock",
                    endpoint=one.endpoint,
                    error=error,
                    detail="refused",
                    elapsed=0.001,
                    interface="GET /stock/{sku}",
                    trace_id="t",
                )
            )

    def answer(self, name: str, times: int = 1) -> None:
        self.stats[name].attempts += times
        self.stats[name].answered += times

    def at(self, second: float) -> list[AnomalyReport]:
        return self.detector.tick(self.stats.values(), T0 + second, digest="d")


@pytest.fixture
def play() -> Play:
    made = Play()
    assert made.at(0) == []
    return made


def test_the_first_failing_tick_is_reported_with_its_evidence(play: Play) -> None:
    play.answer("s1", 7)
    play.refuse("s1", 5)
    (report,) = play.at(1)
    assert report.id == "id1"
    assert report.subject.instance == "s1"
    assert report.subject.address == "10.0.0.1:80"
    assert (report.subject.app, report.subject.unit, report.subject.group) == (
        "stock",
        "unit1",
        "Group_1",
    )
    assert (report.phase, report.rule, report.n) == ("failing", "connect", 12)
    assert report.errors == {"connect": 5}
    assert (report.window_start, report.window_end) == (T0, T0 + 1)
    assert report.interfaces == ("GET /stock/{sku}",)
    assert len(report.samples) == 3
    assert report.samples[0].detail == "refused"
    assert report.digest == "d"


def test_it_is_said_again_every_fifteen_seconds_while_failures_come(play: Play) -> None:
    said = []
    for second in range(1, 32):
        play.refuse("s1", 2)
        said += [(second, report.n) for report in play.at(second)]
    assert said == [(1, 2), (16, 30), (31, 30)]


def test_silence_is_neither_failure_nor_recovery(play: Play) -> None:
    play.refuse("s1")
    assert len(play.at(1)) == 1
    assert [report for second in range(2, 100) for report in play.at(second)] == []
    assert play.detector.failing == ["s1"]


def test_it_has_recovered_when_it_answers_and_nothing_failed_for_five_seconds(play: Play) -> None:
    play.refuse("s1")
    play.at(1)
    said = []
    for second in range(2, 10):
        play.answer("s1", 3)
        said += [(second, report.phase, report.rule) for report in play.at(second)]
    assert said == [(6, "recovered", "connect")]
    assert play.detector.failing == []


def test_a_flapping_endpoint_has_not_recovered(play: Play) -> None:
    phases = []
    for second in range(1, 15):
        play.answer("s1")
        if second % 3 == 1:
            play.refuse("s1")
        phases += [report.phase for report in play.at(second)]
    assert phases == ["failing"]


def test_after_recovery_a_new_failure_is_said_at_once(play: Play) -> None:
    play.refuse("s1")
    play.at(1)
    play.answer("s1")
    assert [report.phase for report in play.at(7)] == ["recovered"]
    play.refuse("s1")
    assert [report.phase for report in play.at(8)] == ["failing"]


def test_an_endpoint_that_leaves_while_failing_is_closed(play: Play) -> None:
    play.refuse("s1")
    play.at(1)
    del play.stats["s1"]
    (report,) = play.at(2)
    assert (report.phase, report.rule, report.subject.instance) == ("recovered", "connect", "s1")
    assert play.at(3) == []


def test_an_endpoint_that_leaves_well_is_not_mentioned(play: Play) -> None:
    play.answer("s1")
    play.at(1)
    del play.stats["s1"]
    assert play.at(2) == []


def test_other_errors_are_counted_but_are_not_this_rule(play: Play) -> None:
    play.refuse("s1", 3, error="timeout")
    assert play.at(1) == []
    assert play.woken == 0
    play.refuse("s1", 1)
    (report,) = play.at(2)
    assert report.errors == {"connect": 1, "timeout": 3}


def test_it_wakes_its_owner_once_an_endpoint_that_was_well_fails(play: Play) -> None:
    play.refuse("s1")
    assert play.woken == 1
    play.at(1)
    play.refuse("s1", 10)
    assert play.woken == 1


def test_endpoints_do_not_speak_for_each_other(play: Play) -> None:
    play.refuse("s1")
    play.answer("s2", 50)
    assert [report.subject.instance for report in play.at(1)] == ["s1"]
    play.refuse("s2")
    assert [report.subject.instance for report in play.at(2)] == ["s2"]


def test_a_clock_set_back_costs_a_report_and_never_a_silence(play: Play) -> None:
    play.refuse("s1")
    play.at(100)
    play.refuse("s1")
    (report,) = play.at(-200)
    assert report.window_start <= report.window_end
    play.answer("s1")
    assert [one.phase for one in play.at(-190)] == ["recovered"]


def test_memory_is_bounded_and_what_fails_is_kept_longest() -> None:
    play = Play(*(f"s{at}" for at in range(1, 8)), keys_limit=3)
    play.refuse("s7")
    assert [report.subject.instance for report in play.at(1)] == ["s7"]
    for second in range(2, 6):
        for name in play.stats:
            play.answer(name)
        play.at(second)
    assert len(play.detector._watches) == 3
    assert play.detector.failing == ["s7"] or play.detector.failing == []


def test_what_was_forgotten_is_not_news_when_it_comes_back() -> None:
    play = Play("s1", "s2", "s3", keys_limit=1)
    play.refuse("s1")
    play.at(1)
    play.answer("s1")
    play.at(10)
    assert [report for second in range(11, 20) for report in play.at(second)] == []


def test_evidence_of_many_endpoints_is_bounded() -> None:
    play = Play(keys_limit=10)
    for name in _many(1000):
        endpoint = Endpoint(id=name, addr="10.0.0.1:80", group="g", unit="u")
        play.detector.failed(
            Failure(service="stock", endpoint=endpoint, error="connect", detail="x" * 10_000)
        )
    assert len(play.detector._evidence) == 10
    assert all(
        len(sample.detail) <= 200
        for evidence in play.detector._evidence.values()
        for sample in evidence.samples
    )


def _many(n: int) -> Iterator[str]:
    return (f"e{at}" for at in range(n))
