"""Pages of certificates: the authority's generations, and the newest certificate of everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import page_verb
from meshconsole.core.errors import Conflict, Degraded, Invalid, MeshError
from meshconsole.core.pages import page_of, search_of
from meshconsole.encryption import selectors
from meshconsole.encryption.actions import authority_actions
from meshconsole.encryption.expiry import bins_of, life_of
from meshconsole.encryption.models import Authority
from meshconsole.encryption.rotation import authority_add, authority_retire, authority_sign_with
from meshconsole.encryption.states import AuthorityState

LOOKS = {"ok": "valid", "warn": "ends soon", "bad": "ended or ends now"}


@require_safe
def certificates(request: HttpRequest) -> HttpResponse:
    """Whom the mesh trusts, who is certified, and how long still."""
    return render(request, "encryption/certificates.html", _context(request))


@require_POST
@page_verb("authority_add")
def add(request: HttpRequest) -> HttpResponse:
    """Add the next generation of the authority."""
    try:
        made = authority_add(
            now=timezone.now(), actor=request.user.get_username(), reason=_text(request, "reason")
        )
    except (Conflict, Degraded) as error:
        return _refused(request, error)
    messages.success(request, f"Generation {made} is trusted; it signs nothing yet.")
    return redirect("encryption:certificates")


@require_POST
@page_verb("authority_sign_with")
def sign(request: HttpRequest, generation: int) -> HttpResponse:
    """Sign new leaves with a generation that everybody trusts."""

    def move(evidence: selectors.Evidence, **given: Any) -> None:
        authority_sign_with(generation, trusted_by_all=evidence.trusted_by_all, **given)

    done = f"Generation {generation} signs; sidecars renew one by one."
    return _moved(request, generation, move, done)


@require_POST
@page_verb("authority_retire")
def retire(request: HttpRequest, generation: int) -> HttpResponse:
    """Trust a generation no more that nobody uses."""

    def move(evidence: selectors.Evidence, **given: Any) -> None:
        authority_retire(generation, unused=evidence.unused, **given)

    return _moved(request, generation, move, f"Generation {generation} is retired.")


def _moved(
    request: HttpRequest, generation: int, move: Callable[..., None], done: str
) -> HttpResponse:
    """Take a confirmed step of a generation on the evidence of now, or say why not."""
    now = timezone.now()
    try:
        evidence = selectors.rotation_evidence(generation, now)
        _confirmed(request, generation)
        actor, reason = request.user.get_username(), _text(request, "reason")
        move(evidence, now=now, actor=actor, reason=reason)
    except (Conflict, Invalid) as error:
        return _refused(request, error)
    messages.success(request, done)
    return redirect("encryption:certificates")


def _refused(request: HttpRequest, error: MeshError) -> HttpResponse:
    context = _context(request) | {"refusal": error}
    return render(request, "encryption/certificates.html", context, status=error.status)


def _context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    wanted, look = search_of(request), search_of(request, "state")
    rows = selectors.newest_certificates(now, uri=wanted, ended="all" in request.GET)
    lives = [(row.begins_at, row.ends_at) for row in rows]
    told = [life_of(*life, now).look for life in lives]
    shown = [row for row, its in zip(rows, told, strict=True) if look in ("", its)]
    looks = Counter(map(str, told))
    page = page_of(shown, request)
    page.object_list = [
        (row, life_of(row.begins_at, row.ends_at, now), *_named(row.uri)) for row in page
    ]
    return {
        "authorities": [_authority(request, row) for row in selectors.authorities()],
        "page": page,
        "bins": bins_of(lives, now),
        "counts": [
            {"state": name, "word": word, "count": looks[name], "is_current": name == look}
            for name, word in LOOKS.items()
        ],
        "total": len(lives),
        "q": wanted,
        "state": look,
        "all": "all" in request.GET,
        "is_filtered": bool(wanted or look),
    }


def _named(uri: str) -> tuple[str, bool]:
    """The last word of an identity, and whether it is an instance's."""
    return uri.rpartition("/")[2], "/instance/" in uri


def _authority(request: HttpRequest, row: Authority) -> dict[str, Any]:
    evidence = None
    if row.state != AuthorityState.RETIRED:
        evidence = selectors.rotation_evidence(row.generation, timezone.now())
    actions = {one["name"]: one for one in authority_actions(request.user, row, evidence)}
    return {
        "row": row,
        "number": str(row.generation),
        "evidence": evidence,
        "trusting": evidence and evidence.sidecars - len(evidence.not_trusting),
        "holding": evidence and len(evidence.holding),
        "sign": actions["authority_sign_with"],
        "retire": actions["authority_retire"],
    }


def _confirmed(request: HttpRequest, generation: int) -> None:
    domain = selectors.authority_get(generation).trust_domain
    if _text(request, "confirm") != domain:
        raise Invalid(f"Type {domain} to confirm it.")


def _text(request: HttpRequest, name: str) -> str:
    return str(request.POST.get(name, "")).replace("\x00", "").strip()
