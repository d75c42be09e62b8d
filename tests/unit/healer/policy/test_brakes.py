"""Modes, kill switch, protected hours and freezes."""

from __future__ import annotations

import pytest

from healer.policy.brakes import calendar_gates, in_force, kill_switch_gate, mode_gate
from healer.policy.parameters import Mode, Policy
from tests.harness.policy import case_of, mesh_of


@pytest.mark.parametrize(
    ("mode", "ok", "hard"),
    [("observe", False, True), ("approve_all", False, False), ("auto", True, False)],
)
def test_observing_forbids_and_approving_asks(mode: Mode, ok: bool, hard: bool) -> None:
    gate = mode_gate(Policy(mode=mode))
    assert (gate.ok, gate.hard) == (ok, hard)


def test_a_kill_switch_of_the_mesh_or_of_the_application_forbids() -> None:
    for name in ("", "shop"):
        gate = kill_switch_gate(case_of(), mesh_of(kill_switches={name: "Gone mad."}))
        assert (gate.ok, gate.hard) == (False, True)
        assert "Gone mad." in gate.reason
    assert kill_switch_gate(case_of(), mesh_of(kill_switches={"other": "x"})).ok


def test_protected_hours_and_freezes_ask_a_person() -> None:
    mesh = mesh_of(protected={"shop": "Trading."}, freezes={"": "Year end."})
    gates = calendar_gates(case_of(), mesh, Policy(), "restart_process")
    assert [(gate.ok, gate.hard) for gate in gates] == [(False, False), (False, False)]


def test_a_restart_of_a_sidecar_alone_may_be_exempt_from_protected_hours() -> None:
    mesh, policy = mesh_of(protected={"": "Night."}), Policy(is_sidecar_exempt=True)
    assert calendar_gates(case_of(), mesh, policy, "restart_sidecar")[0].ok
    assert not calendar_gates(case_of(), mesh, policy, "restart_process")[0].ok
    assert not calendar_gates(case_of(), mesh, Policy(), "restart_sidecar")[0].ok


def test_an_applications_own_reason_goes_first() -> None:
    assert in_force({"": "mesh", "shop": "own"}, "shop") == "own"
    assert in_force({"": "mesh"}, "shop") == "mesh"
    assert in_force({"other": "x"}, "shop") is None
