"""Changes that were made lately: waves of rollouts by their rows, routes by the audit trail."""

from __future__ import annotations

from datetime import datetime, timedelta

from healer.policy.decision import Change
from meshconsole.audit.models import AuditEntry
from meshconsole.rollouts.models import Target

ROUTE_VERBS = ("split_set", "route_revert")
_LIMIT = 200


def changes_since(now: datetime, *, seconds: float) -> tuple[Change, ...]:
    """What may be the cause of what fails now, newest first."""
    since = now - timedelta(seconds=seconds)
    found = [*_waves(since, now), *_routes(since, now)]
    return tuple(sorted(found, key=lambda change: change.age_seconds))


def _waves(since: datetime, now: datetime) -> list[Change]:
    """One for each rollout and the places that it was written to."""
    targets = Target.objects.filter(stepped_at__gt=since).select_related("wave__rollout")
    newest: dict[tuple[int, str, str], Change] = {}
    for target in targets.order_by("stepped_at")[:_LIMIT]:
        rollout = target.wave.rollout
        if target.stepped_at is not None:
            newest[rollout.pk, target.application, target.unit] = Change(
                kind=f"rollout of {rollout.kind.replace('_', ' ')}",
                ref=str(rollout.pk),
                url=f"/rollouts/{rollout.pk}/",
                app=target.application,
                unit=target.unit,
                age_seconds=(now - target.stepped_at).total_seconds(),
            )
    return list(newest.values())


def _routes(since: datetime, now: datetime) -> list[Change]:
    rows = AuditEntry.objects.filter(at__gt=since, verb__in=ROUTE_VERBS).order_by("sequence")
    newest: dict[str, Change] = {}
    for row in rows[:_LIMIT]:
        if row.before is None:  # a first version has none before it to go back to
            continue
        app = row.object.partition(":")[2]
        version = (row.after or {}).get("version") if isinstance(row.after, dict) else None
        newest[app] = Change(
            kind="route version",
            ref=f"{app} {version}" if version else app,
            url=f"/routes/{app}/",
            app=app,
            age_seconds=(now - row.at).total_seconds(),
        )
    return list(newest.values())
