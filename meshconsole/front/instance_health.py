"""What healing knows of one instance: who leaves it out, its cases, every action ever taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from meshconsole.audit.selectors import history
from meshconsole.healing.cases.models import Remediation
from meshconsole.healing.cases.selectors import actions_on, case_open_of, cases_of
from meshconsole.healing.cases.troubles import Trouble, troubles_of
from meshconsole.healing.evidence.ejections import active_ejections, ejections_by

CASE_ROWS = 8
ACTION_ROWS = 50
AUDIT_ROWS = 20
EJECTION_ROWS = 50
PROBE_ROWS = 10


def health_of(instance: str, now: datetime) -> dict[str, Any]:
    """The part of an instance's page that is about its healing."""
    steps = list(actions_on(instance)[:ACTION_ROWS])
    return {
        "trouble": troubles_of([instance], now).get(instance, Trouble()),
        "case": case_open_of(instance),
        "cases": cases_of(instance)[:CASE_ROWS],
        "ejections": active_ejections(instance, now=now)[:EJECTION_ROWS],
        "leaves_out": ejections_by(instance, now=now)[:EJECTION_ROWS],
        "steps": steps,
        "probes": probes_of(steps),
        "trail": history(f"instance:{instance}", AUDIT_ROWS),
    }


def probes_of(steps: list[Remediation]) -> list[dict[str, Any]]:
    """The tests after the latest action that was tested, newest first."""
    for step in steps:
        if step.checks:
            return list(reversed(step.checks))[:PROBE_ROWS]
    return []
