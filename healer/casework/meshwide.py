"""What goes on around a case: what is out, what was done, what was opened, changed or forbidden."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count

from healer.casework.changes import changes_since
from healer.policy.facts import MeshFacts, OpeningFact, OutFact
from meshconsole.healing.cases.models import HealingCase, Remediation
from meshconsole.healing.cases.selectors import cases_out, opened_since
from meshconsole.healing.guards import selectors as guard_selectors
from meshconsole.inventory.models import Instance
from meshconsole.rollouts.freezes import freezes

OPENINGS = timedelta(minutes=6)
"""The storm's window and the quiet after it."""
OPENINGS_LIMIT = 2000


def mesh_facts(now: datetime, *, change_seconds: float) -> MeshFacts:
    """The same for every case of a round; counted anew by whoever spends from a budget."""
    units = Instance.objects.open().order_by().values_list("unit__name").annotate(n=Count("pk"))
    by_unit = dict(units)
    lifted = guard_selectors.switch_lifted_at()
    protected = guard_selectors.protected_now(now)
    switches = guard_selectors.kill_switches().filter(switch="healing")
    frozen = freezes(now).filter(begins_at__lte=now)
    return MeshFacts(
        n_instances=sum(by_unit.values()),
        unit_instances=by_unit,
        out=tuple(_out(case) for case in cases_out()),
        actions_last_hour=Remediation.objects.filter(
            started_at__gt=now - timedelta(hours=1)
        ).count(),
        openings=tuple(
            OpeningFact(app=app, age_seconds=(now - at).total_seconds())
            for app, at in opened_since(now - OPENINGS).values_list("app", "opened_at")[
                :OPENINGS_LIMIT
            ]
        ),
        changes=changes_since(now, seconds=change_seconds),
        protected={app: hours.reason for app, hours in protected.items()},
        freezes={row.application: row.reason for row in frozen},
        kill_switches={row.application: row.reason for row in switches},
        kill_switch_lifted_age_seconds=(None if lifted is None else (now - lifted).total_seconds()),
    )


def _out(case: HealingCase) -> OutFact:
    return OutFact(
        case=str(case.pk),
        instance=case.instance,
        app=case.app,
        unit=case.unit,
        is_serving=bool(case.facts.get("is_serving", True)),
    )
