"""Changing how links are encrypted and who may call: checked, guarded, written down, told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.utils import timezone

from meshconsole.core.errors import FieldFault, Invalid
from meshconsole.encryption.policy import Policy, application_row, policy_change
from meshconsole.encryption.selectors import modes_of, policy_get, strict_blockers
from meshconsole.inventory.models import Instance, Source
from proxy.contract.identity import InvalidIdentity, check_name
from proxy.contract.snapshot import TLS_MODES, Caller, CallersMode, TlsMode

REASON_LIMIT = 500
CALLERS_LIMIT = 200
_CALLERS_MODES = ("off", "observe", "enforce")


def modes_set(
    application: str,
    modes: Mapping[str, TlsMode],
    *,
    actor: str,
    reason: str,
    expected_version: int | None = None,
    force: bool = False,
    now: datetime | None = None,
) -> int:
    """Give open instances of an application modes of their own; the others keep theirs.

    Returns the mesh's revision that says so. Strict is refused while something blocks it, unless
    `force`. Raises Invalid, Conflict (with the state in force) and NotFound.
    """
    _check([*_mode_faults(modes), *_stranger_faults(application, modes), *_reason_faults(reason)])
    return _changed(
        application,
        lambda policy: msgspec.structs.replace(policy, instances=policy.instances | dict(modes)),
        verb="modes_set",
        actor=actor,
        reason=reason,
        expected_version=expected_version,
        guard=None if force else now or timezone.now(),
    )


def mode_default_set(
    application: str,
    mode: TlsMode,
    *,
    actor: str,
    reason: str,
    expected_version: int | None = None,
    force: bool = False,
    now: datetime | None = None,
) -> int:
    """The mode of instances that have none of their own, and so of every new one.

    The same answers, guard and errors as modes_set.
    """
    _check([*_mode_faults({"": mode}), *_reason_faults(reason)])
    return _changed(
        application,
        lambda policy: msgspec.structs.replace(policy, mode=mode),
        verb="mode_default_set",
        actor=actor,
        reason=reason,
        expected_version=expected_version,
        guard=None if force else now or timezone.now(),
    )


def callers_set(
    application: str,
    callers: Iterable[Caller],
    callers_mode: CallersMode,
    *,
    actor: str,
    reason: str,
    expected_version: int | None = None,
) -> int:
    """Who may call an application, and what happens to others: off, observe, enforce.

    Raises Invalid, Conflict and NotFound.
    """
    wanted = _callers(callers)
    _check([*_caller_faults(wanted, callers_mode), *_reason_faults(reason)])
    return _changed(
        application,
        lambda policy: msgspec.structs.replace(policy, callers=wanted, callers_mode=callers_mode),
        verb="callers_set",
        actor=actor,
        reason=reason,
        expected_version=expected_version,
        guard=None,
    )


def policy_set(
    application: str,
    policy: Policy,
    *,
    actor: str,
    reason: str,
    expected_version: int | None = None,
    force: bool = False,
    known_only: bool = True,
    now: datetime | None = None,
) -> int:
    """The whole of it at once. A document may come before its instances: `known_only` is False.

    Instances that have a mode already may keep or change it, also while they are away.
    """
    wanted = msgspec.structs.replace(policy, callers=_callers(policy.callers))
    _check(
        [
            *_mode_faults({"": wanted.mode, **wanted.instances}),
            *(_stranger_faults(application, _added(application, wanted)) if known_only else ()),
            *_caller_faults(wanted.callers, wanted.callers_mode),
            *_reason_faults(reason),
        ]
    )
    return _changed(
        application,
        lambda _: wanted,
        verb="encryption_set",
        actor=actor,
        reason=reason,
        expected_version=expected_version,
        guard=None if force else now or timezone.now(),
    )


def _changed(
    application: str,
    change: Callable[[Policy], Policy],
    *,
    verb: str,
    actor: str,
    reason: str,
    expected_version: int | None,
    guard: datetime | None,
) -> int:
    """The check of strict is made first: what it reads is not to be read under a lock."""
    if guard is not None:
        _guard_strict(application, change, guard)
    return policy_change(
        application,
        change,
        verb=verb,
        actor=actor,
        reason=reason,
        expected_version=expected_version,
    )


def _guard_strict(application: str, change: Callable[[Policy], Policy], now: datetime) -> None:
    before = policy_get(application)[1]
    after = change(before)
    was = modes_of(application)
    becomes = [name for name in was if after.mode_of(name) == "strict" and was[name] != "strict"]
    if not becomes and (after.mode != "strict" or before.mode == "strict"):
        return
    blockers = strict_blockers(application, now)
    if blockers:
        raise Invalid(
            f"{application} cannot be strict yet: {blockers[0].sentence}",
            code="strict_blocked",
            errors=[FieldFault(pointer="/mode", detail=one.sentence) for one in blockers],
        )


def _added(application: str, wanted: Policy) -> dict[str, TlsMode]:
    named = policy_get(application)[1].instances
    return {name: mode for name, mode in wanted.instances.items() if name not in named}


def _check(faults: Sequence[FieldFault]) -> None:
    if faults:
        raise Invalid(" ".join(fault["detail"] for fault in faults[:3]), errors=faults)


def _mode_faults(modes: Mapping[str, Any]) -> list[FieldFault]:
    return [
        FieldFault(
            pointer=f"/instances/{name}" if name else "/mode",
            detail=f"{str(mode)[:40]!r} is no mode: use {', '.join(TLS_MODES)}.",
        )
        for name, mode in modes.items()
        if mode not in TLS_MODES
    ]


def _stranger_faults(application: str, modes: Mapping[str, Any]) -> list[FieldFault]:
    app = application_row(application)
    rows = Instance.objects.open().filter(application=app, instance_id__in=modes)
    sources = dict(rows.values_list("instance_id", "source"))
    return [
        FieldFault(
            pointer=f"/instances/{name}",
            detail=f"{application} has no instance {name[:63]!r} just now."
            if name not in sources
            else f"{name} has no sidecar, so it speaks plaintext.",
        )
        for name in modes
        if sources.get(name) != Source.SIDECAR
    ]


def _callers(callers: Iterable[Caller]) -> tuple[Caller, ...]:
    """Each once, in one order."""
    return tuple(sorted(set(callers), key=lambda one: (one.app, one.unit)))


def _caller_faults(callers: Sequence[Caller], callers_mode: str) -> list[FieldFault]:
    faults = [
        FieldFault(pointer=f"/callers/{at}/{part}", detail=detail)
        for at, one in enumerate(callers)
        for part, name in (("app", one.app), ("unit", one.unit))
        if (detail := _name_fault(name))
    ]
    if len(callers) > CALLERS_LIMIT:
        detail = f"A list names at most {CALLERS_LIMIT} callers; name units instead."
        faults.append(FieldFault(pointer="/callers", detail=detail))
    if callers_mode not in _CALLERS_MODES:
        detail = f"{callers_mode[:40]!r} is none of {', '.join(_CALLERS_MODES)}."
        faults.append(FieldFault(pointer="/callers_mode", detail=detail))
    if callers_mode == "enforce" and not callers:
        detail = "Nobody is on the list, so enforcing it would refuse everybody: name who may call."
        faults.append(FieldFault(pointer="/callers", detail=detail))
    return faults


def _name_fault(name: str) -> str:
    if not name:
        return ""
    try:
        check_name(name)
    except InvalidIdentity as error:
        return str(error)
    return ""


def _reason_faults(reason: str) -> list[FieldFault]:
    if len(reason) <= REASON_LIMIT:
        return []
    detail = f"A reason has at most {REASON_LIMIT} characters."
    return [FieldFault(pointer="/reason", detail=detail)]
