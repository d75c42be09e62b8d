"""Every state of the machine is decided, by edges that it has."""

from __future__ import annotations

import pytest

from healer.policy.deciding import JUDGES, decide
from healer.policy.decision import STAY
from meshconsole.healing.cases.states import OPEN, TERMINAL, TRANSITIONS
from tests.harness.policy import AUTO, NOW, case_of, mesh_of


def test_every_open_state_has_a_judge_and_no_final_one() -> None:
    assert set(JUDGES) == set(OPEN)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_what_is_over_stays_over(state: str) -> None:
    assert decide(case_of(state), mesh_of(), AUTO, NOW).event == STAY


@pytest.mark.parametrize("state", sorted(OPEN))
@pytest.mark.parametrize("seconds", [0, 61, 10_000])
def test_every_answer_is_an_edge_and_a_sentence(state: str, seconds: float) -> None:
    decision = decide(case_of(state, seconds=seconds), mesh_of(), AUTO, NOW)
    assert decision.event == STAY or (state, decision.event) in TRANSITIONS
    assert decision.reason
    assert decision.due_seconds >= 0
