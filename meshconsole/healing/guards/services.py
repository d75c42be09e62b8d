"""What people say to healing: its policy, its brakes, times of work; all of it written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from meshconsole.audit.services import audit_record
from meshconsole.core import revision
from meshconsole.core.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from meshconsole.healing.guards.actuator_settings import SettingsWrong, settings_parse
from meshconsole.healing.guards.models import MESH, HealingPolicy, KillSwitch
from meshconsole.healing.guards.parameters import (
    ACTUATORS,
    EJECTION,
    EJECTION_MODES,
    MODES,
    PARAMETERS,
    SWITCHES,
    exact,
    number_faults,
    widened,
)
from meshconsole.healing.guards.selectors import Effective, effective, policy_of
from meshconsole.inventory.models import Application
from meshconsole.live.publish import publish_on_commit

REASON_LIMIT = 300
SETTINGS_LIMIT_BYTES = 8192
SET, WIDEN, AUTOMATE = "healing_set", "healing_widen", "healing_automate"
"""What a change of policy asks for: less power, more power, power without asking anybody."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as somebody wants its row to be; what is empty is inherited."""

    mode: str = ""
    ejection_mode: str = ""
    numbers: dict[str, float] = {}
    ejection: dict[str, float] = {}
    actuator: str = ""
    actuator_settings: dict[str, Any] = {}
    is_critical: bool | None = None


def wish_of(row: HealingPolicy | None) -> Wish:
    """What a row says now."""
    if row is None:
        return Wish()
    return Wish(**{name: getattr(row, name) for name in Wish.__struct_fields__})


def policy_row(application: str) -> HealingPolicy | None:
    """An application's own row, or the mesh's."""
    return HealingPolicy.objects.filter(application=application).first()


def power_needed(before: Effective, after: Effective) -> str:
    """The verb that a change needs: by what it lets healing do that it might not do before."""
    if after.mode == "auto" != before.mode or _acts_on(before) != _acts_on(after):
        return AUTOMATE
    is_wider = (
        MODES.index(after.mode) > MODES.index(before.mode)
        or EJECTION_MODES.index(after.ejection_mode) > EJECTION_MODES.index(before.ejection_mode)
        or (before.is_critical and not after.is_critical)
        or widened(before.numbers, after.numbers, PARAMETERS)
        or widened(before.ejection, after.ejection, EJECTION)
    )
    return WIDEN if is_wider else SET


def power_of(application: str, wish: Wish) -> str:
    """The verb that putting this wish in force would need now; raises Invalid."""
    _check(application, wish)
    before = policy_of(application)
    return power_needed(before, _with(application, wish))


def policy_set(
    *,
    application: str,
    wish: Wish,
    reason: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
    may: frozenset[str] = frozenset({SET, WIDEN, AUTOMATE}),
) -> HealingPolicy:
    """Put a policy in force as the next version; the same again changes nothing.

    `may` are the verbs of the actor: raises Forbidden when the change asks for another one, Invalid
    for a bad value, Conflict when `expected_version` is not the one in force.
    """
    _check(application, wish)
    _check_reason(reason)
    wish = msgspec.structs.replace(
        wish,
        numbers=exact(wish.numbers, PARAMETERS),
        ejection=exact(wish.ejection, EJECTION),
    )
    with transaction.atomic():
        rows = HealingPolicy.objects.select_for_update()
        row = rows.filter(application=application).first()
        held = row.version if row is not None else 0
        if expected_version is not None and expected_version != held:
            raise Conflict(
                f"The policy is at version {held}, not {expected_version}: read it again.",
                current_state={"application": application, "version": held},
            )
        before, old = policy_of(application), wish_of(row)
        if row is not None and old == wish:
            return row
        needed = power_needed(before, _with(application, wish))
        if needed not in may:
            raise Forbidden(_FORBIDDEN[needed])
        row = row or HealingPolicy(application=application)
        for name in Wish.__struct_fields__:
            setattr(row, name, getattr(wish, name))
        row.version, row.updated_by, row.updated_at = held + 1, actor[:150], now
        row.save()
        if (old.ejection_mode, old.ejection) != (wish.ejection_mode, wish.ejection):
            revision.bump()
        _tell(
            needed, f"healing-policy:{row}", actor, reason,
            before=msgspec.to_builtins(old), after=msgspec.to_builtins(wish),
        )  # fmt: skip
    return row


_FORBIDDEN = {
    SET: "Your role may not change how healing works.",
    WIDEN: "This lets healing do more than it may now: an approver has to put it in force.",
    AUTOMATE: "This lets healing act without asking, or act by other means: an admin has to put it "
    "in force.",
}


def switch_engage(
    *, switch: str, reason: str, actor: str, now: datetime, application: str = MESH
) -> KillSwitch:
    """Pull a brake; pulled already it stays as it is. Nothing new is begun from its commit on."""
    if switch not in SWITCHES:
        _refuse("/switch", f"There is no switch {switch!r}; there are {', '.join(SWITCHES)}.")
    check_application(application)
    _check_reason(reason)
    with transaction.atomic():
        row, is_new = KillSwitch.objects.get_or_create(
            switch=switch,
            application=application,
            defaults={"reason": reason, "engaged_by": actor[:150], "engaged_at": now},
        )
        if is_new:
            _told_of_switch(row, "kill_switch_engage", actor, reason)
    return row


def switch_release(*, pk: int, reason: str, actor: str) -> KillSwitch:
    """Let a brake go; raises NotFound when nobody holds it."""
    _check_reason(reason)
    with transaction.atomic():
        row = KillSwitch.objects.select_for_update().filter(pk=pk).first()
        if row is None:
            raise NotFound(f"There is no kill switch {pk} that is engaged.")
        _told_of_switch(row, "kill_switch_release", actor, reason)
        row.delete()
    return row


def _told_of_switch(row: KillSwitch, verb: str, actor: str, reason: str) -> None:
    if row.switch == "ejection":
        revision.bump()
    after = {"switch": row.switch, "application": row.application or "mesh"}
    _tell(verb, f"kill-switch:{row}", actor, reason, after=after)


def check_application(application: str) -> None:
    """Raise Invalid for an application that is not here; none is the mesh."""
    if application != MESH and not Application.objects.filter(name=application).exists():
        _refuse("/application", f"There is no application {application!r}.")


def _with(application: str, wish: Wish) -> Effective:
    """The policy as it would hold with this row."""
    row = HealingPolicy(application=application, **msgspec.structs.asdict(wish))
    mesh = row if application == MESH else policy_row(MESH)
    return effective(application, mesh, row)


def _acts_on(policy: Effective) -> tuple[str, str]:
    return policy.actuator, json.dumps(policy.actuator_settings, sort_keys=True)


def _check(application: str, wish: Wish) -> None:
    check_application(application)
    faults = [FieldFault(pointer=pointer, detail=said) for pointer, said in _faults(wish)]
    if faults:
        raise Invalid(faults[0]["detail"], errors=faults)
    after = _with(application, wish)
    if after.ejection["max_seconds"] < after.ejection["base_seconds"]:
        _refuse("/ejection/max_seconds", "max_seconds is at least what base_seconds is.")
    if wish.actuator:
        try:
            settings_parse(after.actuator, after.actuator_settings)
        except SettingsWrong as error:
            _refuse("/actuator_settings", str(error))


def _faults(wish: Wish) -> Iterator[tuple[str, str]]:
    for name, given, known in (
        ("mode", wish.mode, MODES),
        ("ejection_mode", wish.ejection_mode, EJECTION_MODES),
        ("actuator", wish.actuator, ACTUATORS),
    ):
        if given and given not in known:
            yield f"/{name}", f"There is no {name} {given!r}; there are {', '.join(known)}."
    yield from (("/numbers", said) for said in number_faults(wish.numbers, PARAMETERS))
    yield from (("/ejection", said) for said in number_faults(wish.ejection, EJECTION))
    if len(json.dumps(wish.actuator_settings)) > SETTINGS_LIMIT_BYTES:
        yield "/actuator_settings", f"Settings have at most {SETTINGS_LIMIT_BYTES} bytes."
    if wish.actuator_settings and not wish.actuator:
        yield "/actuator_settings", "Settings are of an actuator: choose it in the same policy."


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > REASON_LIMIT:
        _refuse("/reason", f"Say why, in at most {REASON_LIMIT} characters.")


def _refuse(pointer: str, sentence: str) -> None:
    raise Invalid(sentence, errors=[FieldFault(pointer=pointer, detail=sentence)])


def _tell(verb: str, object: str, actor: str, reason: str, **change: Any) -> None:
    audit_record(actor=actor, verb=verb, object=object, reason=reason, **change)
    publish_on_commit(topic="guards", kind=verb, ref=object)
