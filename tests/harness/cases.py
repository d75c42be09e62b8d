"""Cases with a whole story behind them: reports, moves, gates, steps and what is around."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from meshconsole.audit.services import audit_record
from meshconsole.healing.cases.services import Subject, case_move, cases_open
from meshconsole.healing.cases.states import CaseEvent as Event, CaseState
from meshconsole.healing.models import ActiveEjection, AnomalyReport, HealingCase, Remediation
from tests.factories import an_instance

SUBJECT = Subject(instance="stock-1", app="stock", unit="unit1", address="127.0.0.1:9001")
CALLERS = (("order-1", "unit1"), ("order-2", "unit2"), ("gateway-1", "unit1"))
WAY: tuple[tuple[Event, str, str, int], ...] = (
    (Event.TAKEN_UP, "healer", "It cools down for 180 s.", 1),
    (Event.COOLED_DOWN, "healer", "3 callers still say that it fails.", 180),
    (Event.QUORUM_REACHED, "healer", "3 of 3 callers in 2 units say so; 2 are needed.", 185),
    (Event.APPROVAL_NEEDED, "healer", "It takes 33% of stock's capacity: a person decides.", 186),
    (Event.APPROVED, "ann", "Seen the errors; go on.", 240),
    (Event.DRAINED, "healer", "Nothing is in flight any more.", 252),
    (Event.ACTED, "healer", "The process was started anew.", 258),
    (Event.VERIFIED, "healer", "2 self tests and 5 probes are fine.", 270),
    (Event.RESOLVED, "healer", "61 requests, none failed.", 340),
)
"""Events of a case that was healed, with who, why, and seconds after it was opened."""
GATES: list[dict[str, Any]] = [
    {"name": "service_out", "ok": True, "value": 1, "bound": 1, "unit": "count", "hard": True,
     "reason": "1 instance of stock would be out, 1 may be."},
    {"name": "blast_radius", "ok": False, "value": 0.333, "bound": 0.05, "unit": "ratio",
     "hard": False, "reason": "It takes 33% of the capacity that serves; 5% need no person."},
    {"name": "storm_mesh", "ok": True, "value": 1, "bound": 5, "unit": "count", "hard": True,
     "reason": "1 new case in the last minute."},
    {"name": "instance_apart", "ok": False, "value": 300, "bound": 900, "unit": "seconds",
     "hard": True, "reason": "The last action on it was 300 s ago."},
]  # fmt: skip
PLAN: dict[str, Any] = {
    "action": "restart_process", "instance": "stock-1", "app": "stock", "unit": "unit1", "rung": 2,
    "evidence_version": 1, "approvals_needed": 1, "change": None,
}  # fmt: skip


def a_case(state: str = CaseState.RESOLVED, *, opened_at: datetime | None = None) -> HealingCase:
    """The case of `stock-1` as far as `state` on its healed way, with all that led to it."""
    opened_at = opened_at or timezone.now() - timedelta(seconds=400)
    for name, unit in (("stock-1", "unit1"), ("stock-2", "unit1"), ("stock-3", "unit2")):
        an_instance(name, application="stock", unit=unit)
    for name, unit in CALLERS:
        an_instance(name, application=name.rpartition("-")[0], unit=unit)
    (case,) = cases_open([SUBJECT], now=opened_at)
    reported(case)
    audit_record(actor="bob", verb="split_set", object="route:stock", reason="Gray release")
    for event, actor, reason, seconds in WAY:
        if case.state == state:
            break
        changes: dict[str, Any] = {}
        if event == Event.QUORUM_REACHED:
            changes = {"gates": GATES, "plan": PLAN, "plan_hash": "5e1f" * 16, "rung": 2}
        case_move(
            case, event, actor=actor, reason=reason,
            now=opened_at + timedelta(seconds=seconds),
            until_at=None if event == Event.RESOLVED else timezone.now() + timedelta(seconds=90),
            **changes,
        )  # fmt: skip
    if case.state in (CaseState.ACTING, CaseState.VERIFYING, CaseState.RESOLVED):
        restarted(case)
    return case


def reported(case: HealingCase) -> None:
    """Each caller has said for some time that it fails, and leaves it out."""
    for number, (name, unit) in enumerate(CALLERS):
        for second in range(0, 60, 5):
            at = case.opened_at + timedelta(seconds=second + number)
            said(case, name, unit, at, second)
        ActiveEjection.objects.create(
            ejection_id=f"e{number}", reporter_instance=name, service=case.app, rule="consecutive",
            reporter_app=name.rpartition("-")[0], reporter_unit=unit, mode="eject",
            subject_instance=case.instance, subject_unit=case.unit, state="ejected", times=2,
            since=case.opened_at, until=timezone.now() + timedelta(seconds=40),
            said_at=timezone.now(), renewed_at=timezone.now(),
        )  # fmt: skip


def said(case: HealingCase, name: str, unit: str, at: datetime, number: int) -> None:
    """One report of one caller."""
    AnomalyReport.objects.create(
        event_id=f"{case.pk}-{name}-{number}", boot_id="b", seq=number, ordinal=0,
        reporter_instance=name, reporter_app=name.rpartition("-")[0], reporter_unit=unit,
        subject_instance=case.instance, subject_app=case.app, subject_unit=case.unit,
        phase="failing", rule="connect", n=20, errors={"connect": 3 + number % 9, "5xx": 1},
        interfaces=["GET /stock/{sku}"], received_at=at, window_start=at - timedelta(seconds=1),
        window_end=at,
        samples=[{"error": "connect", "detail": "refused | <b>", "elapsed_seconds": 0.002}],
    )  # fmt: skip


def restarted(case: HealingCase) -> Remediation:
    """The step that was executed for it."""
    begun = case.opened_at + timedelta(seconds=252)
    return Remediation.objects.create(
        case=case, step=1, rung=2, instance=case.instance, app=case.app, unit=case.unit,
        action="restart_process", actuator="process", key=f"case-{case.pk}-1", fence=7,
        state="succeeded", attempt=1, request={"action": "restart_process", "deadline": 120},
        result={"state": "done", "effects": 1}, detail="Started anew as process 4711.",
        created_at=begun, unpublished_at=begun - timedelta(seconds=12), drained_at=begun,
        in_flight=0, started_at=begun, ended_at=begun + timedelta(seconds=6),
        checks=[{"kind": "probe", "at": begun.timestamp(), "ok": True, "detail": "200"}] * 5,
    )  # fmt: skip
