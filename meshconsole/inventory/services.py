"""Verbs on applications, units, groups and instances; each bumps, audits and publishes once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from meshconsole.audit.services import audit_record
from meshconsole.core import revision
from meshconsole.core.errors import Conflict, Invalid
from meshconsole.inventory.changes import version_check, version_save
from meshconsole.inventory.models import Application, Group, Instance, Source, Unit
from meshconsole.inventory.registration import (
    SEEN_BY_CALLERS,
    instance_differences,
    instance_fields,
    instance_new,
    nouns_ensure,
)
from meshconsole.inventory.selectors import application_shown, unit_shown
from meshconsole.inventory.states import OPEN, TRANSITIONS, InstanceEvent, InstanceState
from meshconsole.live.publish import publish_on_commit
from meshconsole.transitions import fire
from proxy.contract.identity import Node

BATCH_LIMIT = 256
_NAMED_LIMIT = 20
REGISTRAR = "discovery"


def instances_register(nodes: Sequence[Node], now: datetime) -> list[str]:
    """Write down at most BATCH_LIMIT nodes in one transaction; returns the ids that changed.

    Missing applications, units, groups and interfaces are made. One audit row and one live event
    stand for the batch, and the revision grows only when callers would see a difference.
    """
    latest = {node.id: node for node in nodes}
    if len(latest) > BATCH_LIMIT:
        raise ValueError(f"At most {BATCH_LIMIT} nodes at once; {len(latest)} were given.")
    if not latest:
        return []
    with transaction.atomic():
        nouns = nouns_ensure(list(latest.values()))
        rows = {
            row.instance_id: row
            for row in Instance.objects.select_for_update().filter(instance_id__in=latest)
        }
        added: list[Instance] = []
        changed: dict[str, dict[str, Any]] = {}
        for node in latest.values():
            fields = instance_fields(node, nouns)
            if node.id not in rows:
                added.append(instance_new(node, fields, now))
            elif different := instance_differences(rows[node.id], fields):
                changed[node.id] = different
        Instance.objects.bulk_create(added, ignore_conflicts=True)
        _write_changed(rows, changed, now)
        ids = sorted({*changed, *(row.instance_id for row in added)})
        moved = any(not SEEN_BY_CALLERS.isdisjoint(different) for different in changed.values())
        if ids:
            _tell_batch(InstanceEvent.REGISTERED, ids, actor=REGISTRAR, reason="")
        if added or moved or nouns.made:
            revision.bump()
    return ids


def instances_gone(ids: Collection[str], reason: str, *, actor: str = REGISTRAR) -> list[str]:
    """Take instances out for good reason; returns those that were still there."""
    with transaction.atomic():
        rows = Instance.objects.select_for_update().filter(instance_id__in=ids, state__in=OPEN)
        gone = sorted(rows.values_list("instance_id", flat=True))
        if gone:
            Instance.objects.filter(instance_id__in=gone, state__in=OPEN).update(
                state=InstanceState.GONE, gone_at=timezone.now()
            )
            _tell_batch(InstanceEvent.LEFT, gone, actor=actor, reason=reason)
            revision.bump()
    return gone


def instance_drain(instance: Instance, *, actor: str, reason: str) -> Instance:
    """Send it nothing new; what it has is finished. Raises Conflict unless it serves."""
    return _moved(instance, InstanceEvent.DRAIN_ASKED, actor=actor, reason=reason)


def instance_restore(instance: Instance, *, actor: str, reason: str) -> Instance:
    """Send it requests again. Raises Conflict unless it drains."""
    return _moved(instance, InstanceEvent.RESTORED, actor=actor, reason=reason)


def instance_import(
    *, instance_id: str, application: str, unit: str, group: str, address: str, **more: Any
) -> tuple[Instance, dict[str, Any] | None]:
    """Add or change an instance without a sidecar; it never expires by itself.

    Returns the row and what changed of it (None when nothing did). Raises Invalid for an unknown
    application, unit or group, and Conflict for an instance that a sidecar speaks for.
    """
    fields = _parts(application, unit, group) | {"address": address} | more
    row = Instance.objects.select_for_update().filter(instance_id=instance_id).first()
    if row is None:
        row = Instance(
            instance_id=instance_id, source=Source.IMPORT, state=InstanceState.SERVING, **fields
        )
        row.full_clean()
        row.save()
        return row, fields
    if row.source != Source.IMPORT and row.state != InstanceState.GONE:
        raise Conflict(f"{instance_id} has a sidecar that speaks for it; stop that one first.")
    if row.state == InstanceState.GONE:
        fields |= {"state": InstanceState.SERVING, "gone_at": None, "source": Source.IMPORT}
    different = {name: value for name, value in fields.items() if getattr(row, name) != value}
    if not different:
        return row, None
    return version_save(row, different), different


def application_set(
    *,
    name: str,
    fields: Mapping[str, Any],
    groups: Sequence[str] = (),
    actor: str,
    reason: str,
    expected_version: int | None = None,
    must_be_new: bool = False,
) -> tuple[Application, str]:
    """Make or change an application; returns it and `created`, `changed` or `unchanged`.

    Groups are added, never removed. Raises PreconditionFailed when `expected_version` is not its
    version, Conflict when it should be new and is not.
    """
    with transaction.atomic():
        row = Application.objects.select_for_update().filter(name=name).first()
        before = None if row is None else application_shown(row)
        row, outcome = _set(Application, row, name, fields, before, expected_version, must_be_new)
        if groups_add(row, groups) and outcome == "unchanged":
            row, outcome = version_save(row, {}), "changed"
        if outcome != "unchanged":
            _tell_one("application", row, outcome, before, application_shown(row), actor, reason)
    return row, outcome


def unit_set(
    *,
    name: str,
    fields: Mapping[str, Any],
    actor: str,
    reason: str,
    expected_version: int | None = None,
    must_be_new: bool = False,
) -> tuple[Unit, str]:
    """Make or change a unit; the same answers and errors as application_set."""
    with transaction.atomic():
        row = Unit.objects.select_for_update().filter(name=name).first()
        before = None if row is None else unit_shown(row)
        row, outcome = _set(Unit, row, name, fields, before, expected_version, must_be_new)
        if outcome != "unchanged":
            _tell_one("unit", row, outcome, before, unit_shown(row), actor, reason)
    return row, outcome


def groups_add(application: Application, names: Sequence[str]) -> list[str]:
    """Add groups that are not there; returns the new ones. Raises Invalid for a bad name."""
    known = set(application.groups.values_list("name", flat=True))
    added = [name for name in dict.fromkeys(names) if name not in known]
    for name in added:
        group = Group(application=application, name=name)
        group.full_clean()
        group.save()
    return added


def group_add(application: Application, name: str, *, actor: str, reason: str) -> Group:
    """Add one group; raises Conflict when it is there."""
    with transaction.atomic():
        if not groups_add(application, [name]):
            raise Conflict(f"{application} has a group {name!r} already.")
        version_save(application, {})
        shown = application_shown(application)
        _tell_one("application", application, "changed", None, shown, actor, reason)
    return application.groups.get(name=name)


def _set(
    model: Any,
    row: Any,
    name: str,
    fields: Mapping[str, Any],
    before: dict[str, Any] | None,
    expected_version: int | None,
    must_be_new: bool,
) -> tuple[Any, str]:
    if row is None:
        row = model(name=name, **fields)
        row.full_clean()
        row.save()
        return row, "created"
    if must_be_new:
        raise Conflict(f"There is a {model._meta.model_name} {name!r} already.")
    version_check(row, expected_version, before or {})
    different = {key: value for key, value in fields.items() if getattr(row, key) != value}
    return (version_save(row, different), "changed") if different else (row, "unchanged")


def _parts(application: str, unit: str, group: str) -> dict[str, Any]:
    app = Application.objects.filter(name=application).first()
    place = Unit.objects.filter(name=unit).first()
    subset = Group.objects.filter(application=app, name=group).first()
    if app is not None and place is not None and subset is not None:
        return {"application": app, "unit": place, "group": subset}
    missing = (
        ("application", application, app),
        ("unit", unit, place),
        ("group", group, subset),
    )
    raise Invalid(
        "The instance names something that is not there.",
        errors=[
            {"pointer": f"/spec/{kind}", "detail": f"There is no {kind} {name!r}; make it first."}
            for kind, name, row in missing
            if row is None
        ],
    )


def _moved(instance: Instance, event: InstanceEvent, *, actor: str, reason: str) -> Instance:
    with transaction.atomic():
        if not fire(instance, TRANSITIONS, event, actor=actor, reason=reason):
            raise Conflict(f"{instance} has just been moved by somebody else: look again.")
        revision.bump()
    return instance


def _write_changed(
    rows: Mapping[str, Instance], changed: Mapping[str, dict[str, Any]], now: datetime
) -> None:
    names = {name for different in changed.values() for name in different}
    for instance_id, different in changed.items():
        row = rows[instance_id]
        row.seen_at = now
        for name, value in different.items():
            setattr(row, name, value)
    if changed:
        columns = sorted(names)
        Instance.objects.bulk_update([rows[key] for key in changed], [*columns, "seen_at"])


def _tell_batch(event: InstanceEvent, ids: list[str], *, actor: str, reason: str) -> None:
    subject = f"instance:{ids[0]}" if len(ids) == 1 else f"instances:{len(ids)}"
    audit_record(actor=actor, verb=event, object=subject, after={"instances": ids}, reason=reason)
    publish_on_commit(
        topic="instances",
        kind=event,
        ref=ids[0] if len(ids) == 1 else "",
        data={"count": len(ids), "ids": ids[:_NAMED_LIMIT]},
    )


def _tell_one(
    kind: str, row: Any, outcome: str, before: Any, after: Any, actor: str, reason: str
) -> None:
    audit_record(
        actor=actor,
        verb=f"{kind}_{outcome}",
        object=f"{kind}:{row}",
        before=before,
        after=after,
        reason=reason,
    )
    publish_on_commit(topic=f"{kind}s", kind=outcome, ref=str(row))
    revision.bump()
