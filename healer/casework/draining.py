"""Taking an instance out of service gently: checked first, then unpublished, then waited for.

What an actuator could not do is not begun: before callers are told to send an instance nothing
more, a dry run has to find everything there that the action needs. Nothing is cut: requests that
are in flight end by themselves, or the drain's time is up.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from healer.actuators.protocol import ActuatorError, NotNow
from healer.casework.hands import Hands
from healer.casework.orders import actuator_of, order_of
from meshconsole.core.crashpoints import around
from meshconsole.core.errors import Degraded
from meshconsole.healing.cases.models import HealingCase, Remediation
from meshconsole.healing.cases.steps import instance_unpublish, step_prepared
from meshconsole.healing.guards.actuator_settings import SettingsWrong
from meshconsole.telemetry import links

SETTLED = timedelta(seconds=2)
"""Callers need a moment to hear that the instance is not to be used: what its sidecar said before
is no proof that it is empty."""
TOLD = timedelta(seconds=5)
"""A sidecar tells each change of its ledger sooner than this: one that says nothing for so long has
nothing new to say, and what it said last is true still."""


def look(case: HealingCase, step: Remediation, now: datetime, hands: Hands) -> None:
    """Bring a drain one step further: a dry run, the end of its traffic, a count."""
    if not step.request.get("is_checked"):
        hands.do(f"prepare {step.pk}", lambda: prepare(step.pk))
        step.refresh_from_db()
    if not step.request.get("is_checked") or step.request.get("refused"):
        return
    if step.unpublished_at is None:
        instance_unpublish(step, now=now, reason=f"Case {case}: {step.action} is next.")
    else:
        _count(step, now)


def refusal_of(step: Remediation | None) -> str:
    """Why the action cannot be begun, as the dry run found; empty when it can."""
    return "" if step is None else str(step.request.get("refused", ""))


def prepare(pk: int) -> None:
    """Ask the actuator whether it could, without changing anything, and keep what is there now."""
    step = Remediation.objects.filter(pk=pk, ended_at__isnull=True).first()
    if step is None or step.request.get("is_checked"):
        return
    try:
        with around("actuator-dry-run"):
            finding = actuator_of(step).dry_run(order_of(step))
    except NotNow:
        return  # the next look asks again; the drain's own time bounds that
    except (ActuatorError, SettingsWrong) as error:
        step.request = {**step.request, "refused": str(error)}
        step_prepared(step, before="", detail=str(error)[:500])
        return
    if not finding.ok:
        step.request = {**step.request, "refused": finding.detail}
    step_prepared(step, before=finding.before, detail=finding.detail[:500])


def _count(step: Remediation, now: datetime) -> None:
    in_flight = in_flight_at(step.instance, now=now, since=step.unpublished_at)
    if in_flight != step.in_flight:
        step.in_flight = in_flight
        step.save(update_fields=["in_flight"])


def in_flight_at(instance: str, *, now: datetime, since: datetime | None) -> int | None:
    """Requests under way at an instance some time after `since`; None when nobody can tell."""
    try:
        told = links.latest(links.read(), now.timestamp()).get(instance)
    except Degraded:
        return None
    if told is None or since is None:
        return None
    settled = since + SETTLED
    if told.at < settled.timestamp() and now < settled + TOLD:
        return None
    return sum(edge.in_flight for edge in told.edges if edge.side == "in")
