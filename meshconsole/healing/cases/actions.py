"""Which verbs a case offers now, before anybody's role is asked."""

from __future__ import annotations

from meshconsole.access.permissions import Action
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.states import EXECUTING, TERMINAL, TRANSITIONS, CaseEvent

_EVENTS: dict[str, CaseEvent] = {
    "case_hold": CaseEvent.HELD,
    "case_release": CaseEvent.RELEASED,
    "case_retry": CaseEvent.RETRIED,
    "case_dismiss": CaseEvent.DISMISSED,
    "removal_start": CaseEvent.REMOVAL_ASKED,
}


def case_actions(case: HealingCase) -> list[Action]:
    """What may be done with it in its state; what removes an instance asks for its name."""
    actions = [
        Action(
            name,
            blocked=_blocked(case, event),
            danger=name == "removal_start",
            confirm=case.instance if name == "removal_start" else "",
        )
        for name, event in _EVENTS.items()
    ]
    is_over = case.state in TERMINAL
    return [*actions, Action("case_mark", blocked="" if is_over else "The case is not over yet.")]


def _blocked(case: HealingCase, event: CaseEvent) -> str:
    if (case.state, event) in TRANSITIONS:
        return ""
    if case.state in TERMINAL:
        return "The case is over."
    if case.state in EXECUTING:
        return "Something is being done to the instance: it is finished first."
    return f"The case is {case.state.replace('_', ' ')}."
