"""Cooldown, quorum, and the ways out before anything is planned."""

from __future__ import annotations

import pytest

from healer.policy.deciding import decide
from healer.policy.facts import Accused
from tests.harness.policy import AUTO, NOW, case_of, mesh_of, opened, said_by

STORM = mesh_of(openings=opened(1, 2, 3))


@pytest.mark.parametrize("state", ["observed", "cooling", "confirming", "held"])
def test_an_unknown_instance_and_one_in_maintenance_are_let_be(state: str) -> None:
    for facts in ({"is_known": False}, {"in_maintenance": "New disks."}):
        assert decide(case_of(state, **facts), mesh_of(), AUTO, NOW).event == "dismissed"


@pytest.mark.parametrize("state", ["observed", "cooling", "confirming"])
def test_a_storm_and_a_kill_switch_hold(state: str) -> None:
    assert decide(case_of(state), STORM, AUTO, NOW).event == "held"
    killed = mesh_of(kill_switches={"": "Stop."})
    assert decide(case_of(state), killed, AUTO, NOW).event == "held"


@pytest.mark.parametrize("state", ["cooling", "confirming", "held"])
def test_what_nobody_sees_failing_any_more_recovered(state: str) -> None:
    for age in (None, 60.0):
        case = case_of(state, newest_evidence_age_seconds=age)
        assert decide(case, mesh_of(), AUTO, NOW).event == "went_quiet"


def test_it_cools_for_three_minutes() -> None:
    assert decide(case_of("observed"), mesh_of(), AUTO, NOW).event == "taken_up"
    early = decide(case_of("cooling", seconds=179), mesh_of(), AUTO, NOW)
    assert (early.event, early.due_seconds, early.until) == ("stay", 1.0, NOW + 1)
    assert decide(case_of("cooling", seconds=180), mesh_of(), AUTO, NOW).event == "cooled_down"


def test_a_clock_set_back_shortens_no_cooldown() -> None:
    assert decide(case_of("cooling", seconds=-3600), mesh_of(), AUTO, NOW).event == "stay"


def test_a_service_that_fails_as_a_whole_is_an_incident() -> None:
    many = tuple(Accused(instance=f"shop-{at}", reporters=("a", "b")) for at in range(6))
    for state in ("cooling", "confirming", "gated"):
        case = case_of(state, accused=many)
        assert decide(case, mesh_of(), AUTO, NOW).event == "service_wide"


def test_a_quorum_leads_on_at_once() -> None:
    assert decide(case_of("confirming"), mesh_of(), AUTO, NOW).event == "quorum_reached"


def test_without_one_it_cools_again_and_is_dismissed_after_three_rounds() -> None:
    alone = said_by("front-1", weight=0.3)
    early = decide(case_of("confirming", reports=alone), mesh_of(), AUTO, NOW)
    assert early.event == "stay"
    assert "1 of 2" in early.reason
    late = case_of("confirming", seconds=60, reports=alone, rounds=2)
    assert decide(late, mesh_of(), AUTO, NOW).event == "quorum_missed"
    last = case_of("confirming", seconds=60, reports=alone, rounds=3)
    assert decide(last, mesh_of(), AUTO, NOW).event == "dismissed"


def test_when_only_suspects_say_so_they_are_blamed() -> None:
    reports = said_by("liar-1", "liar-2", accused_instances=5, accused_services=3)
    decision = decide(case_of("confirming", reports=reports), mesh_of(), AUTO, NOW)
    assert decision.event == "reporter_blamed"
    assert decision.blamed == ("liar-1", "liar-2")


def test_a_suspect_among_others_is_named_and_changes_nothing() -> None:
    reports = said_by("front-1", "front-2") + said_by("liar-1", is_accused=True)
    decision = decide(case_of("confirming", reports=reports), mesh_of(), AUTO, NOW)
    assert (decision.event, decision.blamed) == ("quorum_reached", ("liar-1",))


def test_a_hold_ends_after_the_cause_and_some_quiet() -> None:
    held = case_of("held", seconds=400)
    assert decide(held, STORM, AUTO, NOW).event == "stay"
    assert decide(held, mesh_of(openings=opened(300, 301, 302)), AUTO, NOW).event == "stay"
    assert decide(held, mesh_of(openings=opened(361, 362, 363)), AUTO, NOW).event == "released"
    lifted = mesh_of(kill_switch_lifted_age_seconds=299)
    assert decide(held, lifted, AUTO, NOW).event == "stay"
    lifted = mesh_of(kill_switch_lifted_age_seconds=300)
    assert decide(held, lifted, AUTO, NOW).event == "released"


def test_a_hold_is_no_way_around_the_cooldown() -> None:
    young = case_of("held", opened_at=NOW - 100)
    assert decide(young, mesh_of(), AUTO, NOW).event == "stay"
