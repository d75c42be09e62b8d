"""The facts of one case, read from rows: who says what, how much is left, what was done so far."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from healer.casework.progress import progress_of
from healer.policy.decision import Plan
from healer.policy.facts import (
    Accused,
    ApprovalFact,
    CaseFacts,
    ProbeFact,
    ReporterFact,
    Subject,
)
from healer.policy.parameters import Policy
from meshconsole.core.errors import Degraded
from meshconsole.healing.cases.approvals import approval_standing
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.selectors import actions_on
from meshconsole.healing.cases.states import CaseState
from meshconsole.healing.evidence import ejections, witnesses
from meshconsole.healing.evidence.callers import Callers, active_callers
from meshconsole.healing.evidence.states import AnomalyState
from meshconsole.healing.evidence.witnesses import Witness
from meshconsole.healing.guards.selectors import Effective, maintenance_of
from meshconsole.healing.models import Anomaly, Origin, Scope, Testimony
from meshconsole.inventory.models import Instance, Tier
from meshconsole.inventory.states import InstanceState

ASKING = frozenset({CaseState.OBSERVED, CaseState.COOLING, CaseState.CONFIRMING})
"""Callers are asked who they are in these states; later nobody sends it anything any more."""

UNKNOWN_CALLERS = 2
"""While nobody can say who calls it, nobody is taken for its only caller: a lone one is believed
together with a probe, and a caller of many must not pass for that because Redis was wiped."""


def case_facts(
    case: HealingCase, *, policy: Policy, effective: Effective, now: datetime
) -> CaseFacts:
    """What is known of a case and its instance now; remembers the callers on the case's object."""
    row = Instance.objects.named_parts().filter(instance_id=case.instance).first()
    callers = _callers(case, now)
    said = witnesses.witnesses(case.instance, now=now, callers=callers)
    active = list(ejections.active_ejections(case.instance, now=now))
    probe = _probe(case, now)
    seats = _service(case.app, policy, callers, now)
    window = maintenance_of(instance=case.instance, application=case.app, unit=case.unit, now=now)
    past = actions_on(case.instance).exclude(action="revert")
    step, progress = progress_of(case, now)
    if step is not None:
        past = past.exclude(pk=step.pk)
    last = past.values_list("started_at", flat=True).first()
    return CaseFacts(
        case=str(case.pk),
        state=case.state,
        since=case.since.timestamp(),
        opened_at=case.opened_at.timestamp(),
        subject=Subject(
            instance=case.instance,
            app=case.app,
            unit=case.unit,
            group="" if row is None else row.group.name,
            is_critical=effective.is_critical
            or (row is not None and row.application.tier == Tier.CRITICAL),
        ),
        rounds=case.rounds,
        rung=case.rung,
        is_known=row is not None and row.state != InstanceState.GONE,
        in_maintenance="" if window is None else window.reason,
        n_instances=max(1, len(seats)),
        n_serving=sum(seats.values()),
        is_serving=seats.get(case.instance, False),
        reports=_reports(said, now),
        callers_active=UNKNOWN_CALLERS if callers is None else callers.active or UNKNOWN_CALLERS,
        caller_units=1 if callers is None else len({each.unit for each in callers.callers}) or 1,
        active_ejections=len(active),
        newest_evidence_age_seconds=_evidence_age(said, probe, now),
        evidence_version=case.evidence_version,
        probe=probe,
        accused=_accused(case.app),
        service_reporters=tuple(
            witnesses.service_words(case.app).values_list("reporter_instance", flat=True)
        ),
        actions_24h=past.filter(started_at__gt=now - timedelta(hours=24)).count(),
        last_action_age_seconds=None if last is None else (now - last).total_seconds(),
        removal_asked_by=case.asked_by,
        plan=None if case.plan is None else msgspec.convert(case.plan, Plan),
        approval=_approval(case),
        drain=progress.drain,
        step=progress.step,
        checks=progress.checks,
        traffic=progress.traffic,
    )


def _callers(case: HealingCase, now: datetime) -> Callers | None:
    """Who calls it now, or who did when that could be asked last."""
    if case.state in ASKING:
        try:
            found = active_callers(case.instance, now=now)
        except Degraded:
            found = None
        if found is not None and (found.active or case.callers is None):
            case.callers = msgspec.to_builtins(found)
            return found
    return None if case.callers is None else msgspec.convert(case.callers, Callers)


def _reports(said: list[Witness], now: datetime) -> tuple[ReporterFact, ...]:
    names = {witness.reporter for witness in said}
    breadth = witnesses.breadth_of(names)
    accused = _accused_among(names)
    return tuple(
        ReporterFact(
            reporter=witness.reporter,
            app=witness.app,
            unit=witness.unit,
            weight=witness.weight,
            age_seconds=_age(witness, now),
            is_failing=witness.is_failing,
            has_ejected=bool(witness.mode),
            is_external=witness.origin != Origin.SIDECAR,
            accused_instances=max(1, breadth[witness.reporter].instances),
            accused_services=max(1, breadth[witness.reporter].services),
            is_accused=witness.reporter in accused,
        )
        for witness in said
    )


def _age(witness: Witness, now: datetime) -> float:
    at = max(witness.said_at, witness.renewed_at or witness.said_at)
    return max(0.0, (now - at).total_seconds())


def _accused_among(names: set[str]) -> set[str]:
    """Reporters that sidecars report themselves, or that blame themselves."""
    rows = Anomaly.objects.filter(
        subject_instance__in=names,
        state=AnomalyState.OPEN,
        scope__in=(Scope.INSTANCE, Scope.REPORTER),
        testimonies__is_failing=True,
    )
    return set(rows.values_list("subject_instance", flat=True))


def _evidence_age(said: Iterable[Witness], probe: ProbeFact | None, now: datetime) -> float | None:
    ages = [_age(witness, now) for witness in said if witness.is_failing or witness.mode]
    if probe is not None and not probe.is_ok:
        ages.append(probe.age_seconds)
    return min(ages, default=None)


def _accused(app: str) -> tuple[Accused, ...]:
    """Instances of a service that sidecars say fail now."""
    rows = Testimony.objects.filter(
        anomaly__subject_app=app,
        anomaly__scope=Scope.INSTANCE,
        anomaly__state=AnomalyState.OPEN,
        is_failing=True,
        origin=Origin.SIDECAR,
    ).values_list("anomaly__subject_instance", "reporter_instance")
    by_instance: dict[str, set[str]] = {}
    for instance, reporter in rows:
        by_instance.setdefault(instance, set()).add(reporter)
    return tuple(
        Accused(instance=instance, reporters=tuple(sorted(reporters)))
        for instance, reporters in sorted(by_instance.items())
    )


def _service(app: str, policy: Policy, callers: Callers | None, now: datetime) -> dict[str, bool]:
    """Every instance of a service, and whether it serves: published, and not left out by as many
    callers as make a quorum."""
    left_out: dict[str, int] = {}
    for row in ejections.service_ejections(app, now=now):
        if row.mode == "eject" and row.state == "ejected":
            left_out[row.subject_instance] = left_out.get(row.subject_instance, 0) + 1
    active = 0 if callers is None else callers.active
    many = 1 if active <= 1 else max(policy.quorum_least, -int(-policy.quorum_share * active // 1))
    states = Instance.objects.open().filter(application__name=app)
    return {
        instance: state == InstanceState.SERVING and left_out.get(instance, 0) < many
        for instance, state in states.values_list("instance_id", "state")
    }


def _probe(case: HealingCase, now: datetime) -> ProbeFact | None:
    probe: dict[str, Any] | None = case.probe
    if probe is None:
        return None
    return ProbeFact(
        is_ok=probe["is_ok"],
        age_seconds=max(0.0, now.timestamp() - probe["at"]),
        detail=probe["detail"],
    )


def _approval(case: HealingCase) -> ApprovalFact | None:
    standing = approval_standing(case)
    if standing is None:
        return None
    return msgspec.convert(msgspec.to_builtins(standing), ApprovalFact)
