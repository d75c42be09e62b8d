"""The list of gates is whole, in one order, and says what forbids and what asks."""

from __future__ import annotations

from healer.policy.facts import ProbeFact
from healer.policy.gates import asking, forbidding, gates_of
from healer.policy.parameters import Policy
from tests.harness.policy import AUTO, case_of, mesh_of

NAMES = [
    "mode", "kill_switch", "evidence", "quorum", "storm_mesh", "storm_service", "service_out",
    "service_healthy", "unit_out", "mesh_out", "mesh_rate", "instance_apart", "instance_day",
    "change_nearby", "blast_radius", "action", "tier", "limiter", "protected_hours", "freeze",
]  # fmt: skip


def test_every_gate_is_looked_at_each_time() -> None:
    good = gates_of(case_of(), mesh_of(), AUTO, "restart_process")
    bad = gates_of(
        case_of(n_serving=0, reports=()), mesh_of(kill_switches={"": "x"}), Policy(), "remove"
    )
    assert [gate.name for gate in good] == [gate.name for gate in bad] == NAMES
    assert all(gate.reason.endswith((".", "x")) for gate in bad)


def test_where_all_is_well_none_forbids_and_none_asks() -> None:
    gates = gates_of(case_of(), mesh_of(), AUTO, "restart_process")
    assert (forbidding(gates), asking(gates)) == ([], [])


def test_what_is_spared_does_not_forbid() -> None:
    gates = gates_of(case_of(reports=()), mesh_of(), AUTO, "restart_process")
    assert [gate.name for gate in forbidding(gates)] == ["quorum"]
    assert forbidding(gates, but=["quorum"]) == []


def test_evidence_may_be_a_minute_old() -> None:
    for age, ok in ((60.0, True), (61.0, False), (None, False)):
        gates = gates_of(
            case_of(newest_evidence_age_seconds=age), mesh_of(), AUTO, "restart_process"
        )
        assert gates[2].ok == ok


def test_after_a_failed_rung_our_own_failing_probe_is_enough() -> None:
    failing = ProbeFact(is_ok=False)
    silent = case_of(reports=(), probe=failing, rung=2)
    assert gates_of(silent, mesh_of(), AUTO, "restart_host")[3].ok
    first = case_of(reports=(), probe=failing, rung=0)
    assert not gates_of(first, mesh_of(), AUTO, "restart_process")[3].ok


def test_a_person_who_asks_for_a_removal_is_evidence_enough() -> None:
    asked = case_of(reports=(), newest_evidence_age_seconds=None, removal_asked_by="ann")
    gates = gates_of(asked, mesh_of(), AUTO, "remove")
    assert forbidding(gates) == []
    assert [gate.name for gate in asking(gates)] == ["action"]
