"""Who is believed, and when that is enough."""

from __future__ import annotations

import msgspec
import pytest

from healer.policy.facts import ProbeFact
from healer.policy.parameters import Policy
from healer.policy.quorum import quorum
from tests.harness.policy import case_of, said_by

POLICY = Policy()


def test_three_callers_of_three_are_a_quorum() -> None:
    vote = quorum(case_of(), POLICY)
    assert vote.is_reached
    assert (vote.credit, vote.needed, vote.share) == (3, 2, 1.0)


@pytest.mark.parametrize(
    ("callers", "reporters", "reached"),
    [(3, 1, False), (3, 2, True), (6, 2, True), (7, 2, False), (10, 3, True), (11, 3, False)],
)
def test_at_least_two_and_three_in_ten_of_the_callers(
    callers: int, reporters: int, reached: bool
) -> None:
    reports = said_by(*(f"front-{at}" for at in range(reporters)), weight=1 / callers)
    vote = quorum(case_of(reports=reports, callers_active=callers), POLICY)
    assert vote.is_reached == reached


def test_one_reporter_counts_once_however_often_it_speaks() -> None:
    reports = said_by("front-1", "front-1", "front-1")
    assert not quorum(case_of(reports=reports), POLICY).is_reached


def test_the_newest_word_of_a_reporter_counts() -> None:
    old = said_by("front-1", "front-2", age_seconds=20.0)
    new = said_by("front-1", "front-2", age_seconds=5.0, is_failing=False, weight=0.5)
    assert not quorum(case_of(reports=old + new), POLICY).is_reached


def test_what_is_older_than_a_minute_counts_no_more() -> None:
    reports = said_by("front-1", "front-2", age_seconds=61.0)
    assert not quorum(case_of(reports=reports), POLICY).is_reached


def test_who_sent_it_nothing_counts_nothing() -> None:
    reports = said_by("front-1", weight=0.5) + said_by("liar-1", "liar-2", weight=0.0)
    vote = quorum(case_of(reports=reports), POLICY)
    assert vote.believed == ("front-1",)
    assert not vote.is_reached


def test_reporters_that_hardly_call_it_do_not_outvote_the_others() -> None:
    reports = said_by("front-1", "front-2", "front-3", weight=0.01)
    vote = quorum(case_of(reports=reports, callers_active=10), POLICY)
    assert vote.credit == 3
    assert not vote.is_reached


def test_a_network_alarm_in_its_unit_halves_a_reporter() -> None:
    reports = said_by("front-1", "front-2", has_network_alarm=True)
    vote = quorum(case_of(reports=reports), POLICY)
    assert vote.credit == 1
    assert not vote.is_reached


def test_callers_of_two_units_must_say_so_from_both() -> None:
    one_unit = said_by("front-1", "front-2", unit="u0")
    assert not quorum(case_of(reports=one_unit), POLICY).is_reached
    assert quorum(case_of(reports=one_unit, caller_units=1), POLICY).is_reached


@pytest.mark.parametrize(
    "fault", [{"is_accused": True}, {"accused_instances": 3, "accused_services": 2}]
)
def test_who_is_suspected_does_not_count(fault: dict[str, object]) -> None:
    reports = said_by("front-1", "front-2", **fault)
    vote = quorum(case_of(reports=reports), POLICY)
    assert vote.suspects == ("front-1", "front-2")
    assert vote.believed == ()
    assert not vote.is_reached


def test_many_failing_instances_of_one_service_make_no_suspect() -> None:
    reports = said_by("front-1", "front-2", accused_instances=9, accused_services=1)
    assert quorum(case_of(reports=reports), POLICY).is_reached


def test_what_is_no_sidecar_proposes_and_never_counts() -> None:
    assert not quorum(case_of(reports=said_by("alerts", "x", is_external=True)), POLICY).is_reached


@pytest.mark.parametrize(
    ("probe", "reached"),
    [
        (None, False),
        (ProbeFact(is_ok=True), False),
        (ProbeFact(is_ok=False), True),
        (ProbeFact(is_ok=False, age_seconds=61), False),
    ],
)
def test_a_lone_caller_needs_the_healers_own_failing_probe(
    probe: ProbeFact | None, reached: bool
) -> None:
    lone = case_of(reports=said_by("front-1"), callers_active=1, caller_units=1, probe=probe)
    assert quorum(lone, POLICY).is_reached == reached


def test_few_accusers_do_not_outweigh_a_probe_that_finds_it_well() -> None:
    liars = said_by("a-1", "a-2", "a-3", weight=0.1)
    case = case_of(reports=liars, callers_active=10)
    assert quorum(case, POLICY).is_reached
    well = msgspec.structs.replace(case, probe=ProbeFact(is_ok=True))
    assert not quorum(well, POLICY).is_reached
    most = msgspec.structs.replace(well, reports=said_by("a-1", "a-2", "a-3", weight=0.2))
    assert quorum(most, POLICY).is_reached


def test_without_known_traffic_every_caller_weighs_the_same() -> None:
    reports = said_by("front-1", "front-2", weight=None)
    vote = quorum(case_of(reports=reports, callers_active=4), POLICY)
    assert vote.share == 0.5
    assert vote.is_reached
