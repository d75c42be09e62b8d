"""Asking an actuator, once: under a lease and a fence, and never blindly a second time.

The first to hold a step executes it. Whoever takes it over asks how far it is, under a fence of its
own that shuts the one before out, and executes only when the actuator says that the key has had no
effect. What cannot be known is asked again until the case gives up, and then a person decides.
"""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec
from django.utils import timezone

from healer.actuators.protocol import (
    Actuator,
    ActuatorError,
    AmbiguousResult,
    NotNow,
    Order,
    StaleFence,
    Status,
)
from healer.casework.hands import Hands
from healer.casework.holding import owner
from healer.casework.orders import actuator_of, order_of
from meshconsole.core.crashpoints import around
from meshconsole.healing.cases.models import Remediation
from meshconsole.healing.cases.states import UNFINISHED, RemediationState
from meshconsole.healing.cases.steps import step_record, step_renew, step_take_over
from meshconsole.healing.guards.actuator_settings import SettingsWrong

logger = logging.getLogger(__name__)

_S = RemediationState
_STATES = {"running": _S.RUNNING, "done": _S.SUCCEEDED, "failed": _S.FAILED, "unknown": _S.UNKNOWN}


def look(step: Remediation, now: datetime, hands: Hands) -> None:
    """See to it that somebody is at a step that is not over: go on with one's own, take over one
    whose lease has ended, leave others alone."""
    if step.state not in UNFINISHED:
        return
    is_mine = step.lease_owner == owner()
    if not is_mine and step.lease_until is not None and step.lease_until > now:
        return
    hands.do(f"execute {step.pk}", lambda: work(step.pk))


def work(pk: int, *, is_begun_now: bool = False) -> None:
    """One call of the actuator for a step, or two; `is_begun_now` by whoever has just begun it."""
    step = _mine(pk, timezone.now())
    if step is None:
        return
    try:
        actuator, order = actuator_of(step), order_of(step)
        status = _executed(actuator, order) if is_begun_now else _asked(actuator, order)
    except StaleFence:
        return  # somebody with a later fence goes on with it
    except NotNow as error:
        _record(step, _S.RUNNING, str(error))
    except AmbiguousResult as error:
        _record(step, _S.UNKNOWN, str(error))
    except (ActuatorError, SettingsWrong) as error:
        _record(step, _S.FAILED, str(error))
    except Exception as error:
        # Whatever broke, it may have broken after the effect: ask before anything else is done.
        logger.exception("actuator broke", extra={"step": str(step)})
        said = f"The actuator broke ({type(error).__name__}): it is asked again."
        _record(step, _S.UNKNOWN, said)
    else:
        _record(step, _STATES[status.state], status.detail, status)


def _mine(pk: int, now: datetime) -> Remediation | None:
    """The step, held by this process: its own, or one that nobody holds any more."""
    step = Remediation.objects.filter(
        pk=pk, state__in=sorted(UNFINISHED), ended_at__isnull=True
    ).first()
    if step is None:
        return None
    if step.lease_owner == owner():
        return step if step_renew(step, owner=owner(), now=now) else None
    return step if step_take_over(step, owner=owner(), now=now) else None


def _asked(actuator: Actuator, order: Order) -> Status:
    """How far it is; executed only when its key has had no effect."""
    with around("actuator-status"):
        status = actuator.status(order)
    return _executed(actuator, order) if status.state == "unknown" else status


def _executed(actuator: Actuator, order: Order) -> Status:
    with around("actuator-execute"):
        return actuator.execute(order)


def _record(
    step: Remediation, state: RemediationState, detail: str, status: Status | None = None
) -> None:
    step_record(
        step,
        state=state,
        detail=detail,
        now=timezone.now(),
        result=None if status is None else msgspec.to_builtins(status),
    )
