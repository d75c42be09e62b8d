"""How one application's links are to be, as one value: read from rows, compared, written back.

Whoever changes a part of it gives a function from the value in force to the one wanted. The rows
change, and the version, the audit, the revision and the browsers' event with them, only when the
two differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

import msgspec
from django.db import IntegrityError, transaction
from django.utils import timezone

from meshconsole.audit.services import audit_record
from meshconsole.core import revision
from meshconsole.core.errors import Conflict, NotFound
from meshconsole.encryption.models import CallerRule, LinkMode, LinkPolicy
from meshconsole.inventory.models import Application
from meshconsole.live.publish import publish_on_commit
from proxy.contract.snapshot import Caller, CallersMode, TlsMode


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The intent for one application's links."""

    mode: TlsMode = "plaintext"
    instances: dict[str, TlsMode] = {}
    """Modes of instances that have one of their own."""
    callers: tuple[Caller, ...] = ()
    callers_mode: CallersMode = "off"

    def mode_of(self, instance: str) -> TlsMode:
        """The mode of one instance."""
        return self.instances.get(instance, self.mode)


DEFAULT = Policy()


def policy_rows(**filters: Any) -> dict[str, tuple[int, Policy]]:
    """Version and policy by application, of those that have one, in three queries."""
    rows = LinkPolicy.objects.filter(**filters).select_related("application")
    return {
        row.application.name: (row.version, policy_of(row))
        for row in rows.prefetch_related("modes", "callers").order_by("application__name")
    }


def policy_of(row: LinkPolicy | None) -> Policy:
    """The value of a row with its parts."""
    if row is None:
        return DEFAULT
    return Policy(
        mode=cast("TlsMode", row.mode),
        instances={one.instance: cast("TlsMode", one.mode) for one in row.modes.all()},
        callers=tuple(Caller(app=one.app, unit=one.unit) for one in row.callers.all()),
        callers_mode=cast("CallersMode", row.callers_mode),
    )


def policy_shown(policy: Policy) -> dict[str, Any]:
    """The value as the audit, documents and the API tell it."""
    return {
        "mode": policy.mode,
        "instances": dict(sorted(policy.instances.items())),
        "callers": [{"app": one.app, "unit": one.unit} for one in policy.callers],
        "callers_mode": policy.callers_mode,
    }


def policy_change(
    application: str,
    change: Callable[[Policy], Policy],
    *,
    verb: str,
    actor: str,
    reason: str,
    expected_version: int | None = None,
) -> int:
    """Write what `change` makes of the policy in force; returns the mesh's revision with it.

    The same policy again changes nothing. `expected_version` is the version it was decided on, 0
    for none yet, None for any. Raises Conflict with the state in force, NotFound.
    """
    with transaction.atomic():
        app = application_row(application)
        row = LinkPolicy.objects.select_for_update().filter(application=app).first()
        version = row.version if row else 0
        before = policy_of(row)
        if expected_version is not None and expected_version != version:
            raise stale(application, version, before)
        after = change(before)
        if after == before:
            return revision.current()
        now = timezone.now()
        row = row or _created(app, now, actor)
        _write(row, before, after, version=version + 1, now=now, actor=actor)
        number = revision.bump()
        audit_record(
            actor=actor,
            verb=verb,
            object=f"encryption:{application}",
            before={"version": version} | policy_shown(before) if version else None,
            after={"version": version + 1} | policy_shown(after),
            reason=reason,
        )
        publish_on_commit(
            topic="encryption",
            kind="changed",
            ref=application,
            data={"version": version + 1, "revision": number},
        )
    return number


def application_row(name: str) -> Application:
    """The application of this name; raises NotFound."""
    app = Application.objects.filter(name=name).first()
    if app is None:
        raise NotFound(f"There is no application {name[:80]!r}.")
    return app


def stale(application: str, version: int, policy: Policy) -> Conflict:
    """Somebody else was first."""
    return Conflict(
        f"The encryption of {application} was changed meanwhile; look at what is in force and "
        "decide again.",
        code="encryption_changed",
        current_state={"application": application, "version": version} | policy_shown(policy),
    )


def _created(app: Application, now: datetime, actor: str) -> LinkPolicy:
    try:
        with transaction.atomic():
            return LinkPolicy.objects.create(
                application=app, version=0, updated_at=now, updated_by=actor[:150]
            )
    except IntegrityError:
        row = LinkPolicy.objects.filter(application=app).first()
        version = row.version if row else 0
        raise stale(app.name, version, policy_of(row)) from None


def _write(
    row: LinkPolicy, before: Policy, after: Policy, *, version: int, now: datetime, actor: str
) -> None:
    LinkPolicy.objects.filter(pk=row.pk).update(
        version=version,
        mode=after.mode,
        callers_mode=after.callers_mode,
        updated_at=now,
        updated_by=actor[:150],
    )
    _write_modes(row, before.instances, after.instances)
    if before.callers != after.callers:
        CallerRule.objects.filter(policy=row).delete()
        CallerRule.objects.bulk_create(
            CallerRule(policy=row, app=one.app, unit=one.unit) for one in after.callers
        )


def _write_modes(
    row: LinkPolicy, before: Mapping[str, TlsMode], after: Mapping[str, TlsMode]
) -> None:
    changed = [name for name, mode in before.items() if after.get(name) != mode]
    LinkMode.objects.filter(policy=row, instance__in=changed).delete()
    LinkMode.objects.bulk_create(
        LinkMode(policy=row, instance=name, mode=mode)
        for name, mode in after.items()
        if before.get(name) != mode
    )
