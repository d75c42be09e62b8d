"""From a step to the order that an actuator gets, and to the actuator itself."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from healer.actuators.protocol import Actuator, ActuatorError, Order, Target
from healer.actuators.registry import build
from healer.policy.decision import GateResult, Plan
from meshconsole.healing.cases.models import HealingCase, Remediation
from meshconsole.healing.guards.actuator_settings import SettingsWrong
from meshconsole.healing.guards.selectors import Effective, policy_of

DEADLINE_SECONDS = 15.0
"""One call of an actuator: less than a lease, so that nobody else goes on meanwhile."""


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """Why a plan cannot be carried out here at all, whatever the gates say."""

    reason: str
    skips_rung: bool = False
    """This actuator cannot do that, and may do what comes next on the ladder."""

    def gate(self) -> GateResult:
        """As pages draw it beside the others."""
        return GateResult(
            name="actuator", ok=False, value=1, bound=0, unit="flag", reason=self.reason, hard=True
        )


def actuator_for(effective: Effective) -> Actuator:
    """What an application's policy names; raises SettingsWrong with what to do."""
    if not effective.actuator:
        raise SettingsWrong(
            f"No actuator is set for {effective.application}: name one in its healing policy."
        )
    try:
        return build(effective.actuator, effective.actuator_settings)
    except KeyError:
        raise SettingsWrong(f"There is no actuator {effective.actuator!r} here.") from None


def actuator_of(step: Remediation) -> Actuator:
    """The same for a step; what the policy says now counts."""
    return actuator_for(policy_of(step.app))


def obstacle_of(plan: Plan, effective: Effective) -> Obstacle | None:
    """What is missing to carry a plan out; None when nothing is. Undoing a change needs hands of
    another kind: a person's."""
    if plan.action == "revert":
        return None
    try:
        actuator = actuator_for(effective)
    except SettingsWrong as error:
        return Obstacle(reason=str(error))
    if plan.action in actuator.actions:
        return None
    reason = f"The actuator {actuator.name} cannot {plan.action.replace('_', ' ')} here."
    return Obstacle(reason=reason, skips_rung=True)


def preview_of(case: HealingCase, plan: Plan, effective: Effective) -> dict[str, Any] | None:
    """What exactly would run, for the page that asks; None where an actuator has no say."""
    if plan.action == "revert":
        change = plan.change
        return {
            "actuator": "",
            "summary": f"Undo {change.kind} {change.ref}." if change else "Undo a change.",
            "steps": [change.url] if change else [],
            "finding": None,
        }
    try:
        actuator = actuator_for(effective)
        text = actuator.plan(_order(case, action=plan.action, key=f"preview-{case.pk}"))
    except (ActuatorError, SettingsWrong) as error:
        return {"actuator": effective.actuator, "summary": str(error), "steps": [], "finding": None}
    return {
        "actuator": actuator.name,
        "summary": text.summary,
        "steps": list(text.steps),
        "finding": None,
    }


def order_of(step: Remediation, address: str = "") -> Order:
    """What is asked for: under each fence anew, and always with the same key."""
    begun = step.started_at or step.created_at
    return _order(
        step,
        action=step.action,
        key=step.key,
        fence=step.fence,
        address=address or step.request.get("address", ""),
        before=step.request.get("before", ""),
        ordered_at=begun.timestamp(),
    )


def _order(
    subject: HealingCase | Remediation,
    *,
    action: str,
    key: str,
    fence: int = 0,
    address: str = "",
    before: str = "",
    ordered_at: float = 0.0,
) -> Order:
    return Order(
        target=Target(
            instance=subject.instance, app=subject.app, unit=subject.unit, address=address
        ),
        action=cast("Any", action),
        key=key,
        fence=fence,
        deadline_seconds=DEADLINE_SECONDS,
        before=before,
        ordered_at=ordered_at,
    )
