"""Changing a route: checked, compared, written down, told to sidecars and browsers, at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from meshconsole.audit.services import audit_record
from meshconsole.core import revision
from meshconsole.core.errors import Conflict, FieldFault, Invalid, NotFound
from meshconsole.inventory.models import Application
from meshconsole.live.publish import publish_on_commit
from meshconsole.steering.models import Route, RouteVersion
from meshconsole.steering.selectors import route_state, target_of, unknown_application
from meshconsole.steering.split import (
    Finding,
    Split,
    group_findings,
    normalised,
    shape_findings,
    summary,
)

REASON_LIMIT = 500


def split_set(
    *,
    application: str,
    split: Mapping[str, Any],
    expected_version: int | None,
    actor: str,
    reason: str = "",
    force: bool = False,
) -> Route:
    """Put a split in force as the route's next version.

    `expected_version` is the version it was edited from, 0 for none yet; None takes whatever is in
    force. The same split again changes nothing. Raises Invalid with findings, Conflict with the
    current state when somebody else was first, NotFound.
    """
    with transaction.atomic():
        app = _application(application)
        wanted = checked_split(app=application, split=split, force=force)
        return _put(app, wanted, expected_version=expected_version, actor=actor, reason=reason)


def route_revert(
    *,
    application: str,
    to_version: int,
    expected_version: int | None,
    actor: str,
    reason: str = "",
    force: bool = False,
) -> Route:
    """Put the content of an older version in force again, as a new version."""
    with transaction.atomic():
        app = _application(application)
        old = RouteVersion.objects.filter(route__application=app, version=to_version).first()
        if old is None:
            raise NotFound(f"The route of {application} has no version {to_version}.")
        wanted = checked_split(app=application, split=old.split, force=force)
        return _put(
            app,
            wanted,
            expected_version=expected_version,
            actor=actor,
            reason=reason,
            reverts_to=to_version,
        )


def checked_split(*, app: str, split: Mapping[str, Any], force: bool = False) -> Split:
    """The split in its one form; raises Invalid when a finding blocks it.

    With `force` a group without a serving instance may be given requests; nothing else may pass.
    """
    findings = shape_findings(split)
    if not findings:
        target = target_of(app)
        findings = group_findings(split, app=app, groups=target.groups, serving=target.serving)
    refused = [f for f in findings if f.severity == "block" or not force]
    if refused:
        raise Invalid(refused[0].detail, code=refused[0].code, errors=_faults(refused))
    return normalised(split)


def _put(
    app: Application,
    wanted: Split,
    *,
    expected_version: int | None,
    actor: str,
    reason: str,
    reverts_to: int | None = None,
) -> Route:
    if len(reason) > REASON_LIMIT:
        raise Invalid(f"A reason has at most {REASON_LIMIT} characters.", code="reason_long")
    route = Route.objects.select_for_update().filter(application=app).first()
    version = route.version if route else 0
    if expected_version is not None and expected_version != version:
        raise _stale(app.name, route)
    if route is not None and route.split == wanted:
        return route
    now = timezone.now()
    before = route.split if route else None
    if route is None:
        route = _created(app, wanted, now)
    else:
        moved = Route.objects.filter(pk=route.pk, version=version).update(
            version=version + 1, split=wanted, updated_at=now
        )
        route.refresh_from_db()
        if not moved:
            raise _stale(app.name, route)
    _write_down(
        route,
        app.name,
        before=before,
        actor=actor,
        reason=reason,
        reverts_to=reverts_to,
        now=now,
    )
    return route


def _created(app: Application, wanted: Split, now: datetime) -> Route:
    try:
        with transaction.atomic():
            return Route.objects.create(application=app, version=1, split=wanted, updated_at=now)
    except IntegrityError:
        raise _stale(app.name, Route.objects.filter(application=app).first()) from None


def _write_down(
    route: Route,
    app: str,
    *,
    before: Split | None,
    actor: str,
    reason: str,
    reverts_to: int | None,
    now: datetime,
) -> None:
    number = revision.bump()
    told = summary(app, before, route.split)
    RouteVersion.objects.create(
        route=route,
        version=route.version,
        split=route.split,
        summary=told[:1000],
        reason=reason,
        actor=actor[:150],
        revision=number,
        reverts_to=reverts_to,
        at=now,
    )
    audit_record(
        actor=actor,
        verb="split_set" if reverts_to is None else "route_revert",
        object=f"route:{app}",
        before=None if before is None else _content(route.version - 1, before),
        after=_content(route.version, route.split),
        reason=reason,
    )
    publish_on_commit(
        topic="routes",
        kind="changed",
        ref=app,
        data={"version": route.version, "revision": number},
    )


def _application(name: str) -> Application:
    app = Application.objects.filter(name=name).first()
    if app is None:
        raise unknown_application(name)
    return app


def _stale(app: str, route: Route | None) -> Conflict:
    return Conflict(
        f"The route of {app} was changed meanwhile; look at what is in force and decide again.",
        code="route_changed",
        current_state=route_state(app, route),
    )


def _content(version: int, split: Split) -> dict[str, Any]:
    return {"version": version, "split": split}


def _faults(findings: list[Finding]) -> list[FieldFault]:
    return [FieldFault(pointer=f.pointer, detail=f.detail) for f in findings]
