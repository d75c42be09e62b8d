"""How far the present step of a case is, as facts: drained, executed, tested, back in traffic."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import msgspec

from healer.policy.facts import CheckFact, DrainFact, StepFact, TrafficFact
from meshconsole.core.errors import Degraded
from meshconsole.healing.cases.models import HealingCase, Remediation
from meshconsole.healing.cases.states import EXECUTING, CaseState
from meshconsole.healing.evidence import ejections
from meshconsole.telemetry.spans import instances_between

SHOWING = EXECUTING | {CaseState.FAILED, CaseState.ESCALATED, CaseState.GATED}
"""States in which the last step still says something of the instance."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Of the present step; nothing where there is none."""

    drain: DrainFact | None = None
    step: StepFact | None = None
    checks: CheckFact | None = None
    traffic: TrafficFact | None = None


def step_of(case: HealingCase) -> Remediation | None:
    """The last step of a case."""
    return Remediation.objects.filter(case=case).order_by("-step").first()


def progress_of(case: HealingCase, now: datetime) -> tuple[Remediation | None, Progress]:
    """The step that is under way and how far it is; of an earlier one only whether the instance is
    still out of service for it."""
    step = step_of(case)
    if step is None or case.state not in SHOWING:
        return None, Progress()
    drain = DrainFact(
        is_unpublished=step.unpublished_at is not None and step.restored_at is None,
        in_flight=step.in_flight,
    )
    if case.state not in EXECUTING:
        return None, Progress(drain=drain)
    return step, Progress(
        drain=drain,
        step=StepFact(state=cast("Any", step.state), detail=step.detail),
        checks=checks_of(step.checks),
        traffic=traffic_of(step, now) if case.state == CaseState.RETURNING else None,
    )


def checks_of(checks: list[dict[str, Any]]) -> CheckFact:
    """Tests in a row, up to the last one; a failed one begins the row anew."""
    tests = probes = 0
    detail = ""
    for check in checks:
        if not check["ok"]:
            tests, probes, detail = 0, 0, check["detail"]
        elif check["kind"] == "self_test":
            tests += 1
        else:
            probes += 1
    return CheckFact(self_tests_ok=tests, probes_ok=probes, detail=detail)


def traffic_of(step: Remediation, now: datetime) -> TrafficFact | None:
    """Real requests since the instance came back, as its own sidecar counted them, and whether a
    caller has left it out since."""
    if step.restored_at is None:
        return None
    begin = step.restored_at.timestamp()
    left_out = ejections.active_ejections(step.instance, now=now).filter(
        since__gt=step.restored_at, state="ejected"
    )
    try:
        tally = instances_between(
            [step.instance], begin=begin, end=now.timestamp(), now=now.timestamp()
        ).get(step.instance)
    except Degraded:
        tally = None
    return TrafficFact(
        requests=0 if tally is None else tally.requests,
        errors=0 if tally is None else tally.error_count,
        has_new_ejection=left_out.exists(),
    )
