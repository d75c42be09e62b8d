"""Pages of encryption: the mesh, one application with its modes, callers and ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import page_verb, require
from meshconsole.core.errors import Conflict, Invalid, MeshError
from meshconsole.core.pages import live, page_of, search_of
from meshconsole.encryption.actions import encryption_actions
from meshconsole.encryption.blockers import QUIET_MINUTES
from meshconsole.encryption.policy import Policy
from meshconsole.encryption.rules import rules_read, rules_written
from meshconsole.encryption.selectors import policy_get
from meshconsole.encryption.services import callers_set, policy_set
from meshconsole.encryption.standing import (
    InstanceStanding,
    MeshEncryption,
    Standing,
    mesh_encryption,
    refused_by,
    standing_of,
)
from meshconsole.telemetry import links
from proxy.contract.snapshot import TLS_MODES, CallersMode, TlsMode

_OWN = "mode:"
CALLERS_MODES = (
    ("off", "let in as well: there is no list"),
    ("observe", "let in, logged and counted"),
    ("enforce", "refused"),
)


@require_safe
def mesh(request: HttpRequest) -> HttpResponse:
    """Every application: how it is encrypted, and what keeps it from being strict."""
    found = mesh_encryption(timezone.now())
    wanted, mode = search_of(request), search_of(request, "mode")
    rows = [
        one
        for one in found.applications
        if wanted.lower() in one.application.lower() and (not mode or mode in one.modes)
    ]
    return render(
        request,
        "encryption/mesh.html",
        {
            "mesh": found,
            "page": page_of(rows, request),
            "counts": _counts(found, mode),
            "total": len(found.applications),
            "minutes": QUIET_MINUTES,
            "q": wanted,
            "mode": mode,
            "is_filtered": bool(wanted or mode),
        },
    )


@require_safe
def application(request: HttpRequest, name: str) -> HttpResponse:
    """One application's modes, callers and ledger."""
    return render(request, "encryption/application.html", _context(request, name))


@require_POST
@page_verb("encryption_set")
def application_modes(request: HttpRequest, name: str) -> HttpResponse:
    """Put the modes of the form in force; instances that it does not show keep theirs."""
    try:
        force = "force" in request.POST
        if force:
            require(request.user, "encryption_force")
            _confirmed(request, name)
        policy_set(
            name,
            _with_modes(request, policy_get(name)[1]),
            actor=request.user.get_username(),
            reason=_text(request, "reason"),
            expected_version=_version(request),
            force=force,
        )
    except (Conflict, Invalid) as error:
        return _refused(request, name, error)
    messages.success(request, "The modes are in force; sidecars take them within seconds.")
    return redirect("encryption:application", name)


@require_POST
@page_verb("encryption_set")
def application_callers(request: HttpRequest, name: str) -> HttpResponse:
    """Put the list of callers of the form in force."""
    callers, faults = rules_read(_text(request, "callers", keep_lines=True))
    try:
        if faults:
            raise Invalid(" ".join(faults[:3]))
        callers_set(
            name,
            callers,
            cast("CallersMode", _text(request, "callers_mode")),
            actor=request.user.get_username(),
            reason=_text(request, "reason"),
            expected_version=_version(request),
        )
    except (Conflict, Invalid) as error:
        return _refused(request, name, error)
    messages.success(request, "The list of callers is in force.")
    return redirect("encryption:application", name)


@require_POST
@page_verb("preview")
def application_preview(request: HttpRequest, name: str) -> HttpResponse:
    """Whom the list in the form would have refused; changes nothing."""
    text = _text(request, "callers", keep_lines=True)
    callers, faults = rules_read(text)
    context = _context(request, name)
    standing: Standing = context["standing"]
    context |= {
        "text": text,
        "preview": {"faults": faults, "refused": refused_by(callers, standing.callers)},
    }
    return render(request, "encryption/application.html", context)


def _refused(request: HttpRequest, name: str, error: MeshError) -> HttpResponse:
    """The same page with the sentence, and what was typed."""
    context = _context(request, name) | {"refusal": error}
    if "callers" in request.POST:
        context["text"] = _text(request, "callers", keep_lines=True)
    context["typed"] = {key: str(value) for key, value in request.POST.items()}
    return render(request, "encryption/application.html", context, status=error.status)


def _context(request: HttpRequest, name: str) -> dict[str, Any]:
    standing = standing_of(name, timezone.now())
    told = live(links.read)
    edges = links.ledger(told, app=name) if told is not None else []
    actions = {one["name"]: one for one in encryption_actions(request.user, standing)}
    refused = refused_by(standing.policy.callers, standing.callers)
    return {
        "name": name,
        "tab": "encryption",
        "standing": standing,
        "policy": standing.policy,
        "is_known": told is not None,
        "page": page_of([_instance(one, standing.policy) for one in standing.instances], request),
        "callers_modes": CALLERS_MODES,
        "picked_callers_mode": _text(request, "callers_mode") or standing.policy.callers_mode,
        "modes": TLS_MODES,
        "text": rules_written(standing.policy.callers),
        "callers": _callers(standing, refused),
        "actions": actions,
        "minutes": QUIET_MINUTES,
        "edges": edges,
        "ledger": sum((edge.totals for edge in edges), links.LinkTotals()),
        "typed": {},
    }


def _instance(one: InstanceStanding, policy: Policy) -> dict[str, Any]:
    named = {field: getattr(one, field) for field in one.__struct_fields__}
    return named | {"own": policy.instances.get(one.id, "")}


def _callers(standing: Standing, refused: Sequence[Any]) -> list[dict[str, Any]]:
    counts = {(one.app, one.unit): one.requests for one in refused}
    return [
        {
            "caller": one,
            "ratio": one.encrypted / one.requests,
            "refused": counts.get((one.app, one.unit), 0),
        }
        for one in standing.callers
    ]


def _counts(found: MeshEncryption, mode: str) -> list[dict[str, Any]]:
    return [
        {
            "mode": one,
            "count": sum(one in standing.modes for standing in found.applications),
            "is_current": one == mode,
        }
        for one in TLS_MODES
    ]


def _with_modes(request: HttpRequest, policy: Policy) -> Policy:
    instances = dict(policy.instances)
    for field, value in request.POST.items():
        if field.startswith(_OWN):
            instance = field.removeprefix(_OWN)
            instances.pop(instance, None)
            if value:
                instances[instance] = cast("TlsMode", str(value))
    mode = cast("TlsMode", _text(request, "mode"))
    return msgspec.structs.replace(policy, mode=mode, instances=instances)


def _confirmed(request: HttpRequest, name: str) -> None:
    if _text(request, "confirm") != name:
        raise Invalid(f"Type {name} to confirm that strict may refuse callers.")


def _version(request: HttpRequest) -> int | None:
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _text(request: HttpRequest, name: str, *, keep_lines: bool = False) -> str:
    text = str(request.POST.get(name, "")).replace("\x00", "")
    return text if keep_lines else text.strip()
