"""Pages of approvals: the queue, and one question with its evidence and two buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import page_verb
from meshconsole.core.errors import Invalid, MeshError
from meshconsole.core.pages import page_of, search_of
from meshconsole.healing.approvals import pages, selectors
from meshconsole.healing.approvals.votes import approval_override, approval_vote
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.cases.approval_states import ApprovalState
from meshconsole.healing.cases.approvals import approvers
from meshconsole.healing.cases.voting import Seen

VERBS = ("approval_approve", "approval_reject", "approval_override")


@require_safe
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits for people, the soonest to expire first, and what was decided."""
    now = timezone.now()
    picked = {name: search_of(request, name) for name in ("state", "application")}
    decided = selectors.approval_list(picked)
    if not picked["state"]:
        decided = decided.exclude(state=ApprovalState.PENDING)
    waiting = list(selectors.approvals_pending(now)[:100])
    context = {
        "waiting": [_line(row) for row in waiting],
        "page": page_of(decided, request),
        "picked": picked,
        "is_filtered": any(picked.values()),
        "states": ApprovalState.choices,
    }
    context["page"].object_list = [_line(row) for row in context["page"].object_list]  # type: ignore[attr-defined]
    return render(request, "healing/approvals.html", context)


@require_safe
def approvals_waiting(request: HttpRequest) -> HttpResponse:
    """How many wait, for the frame of every page."""
    waiting = selectors.approvals_pending(timezone.now()).count()
    return render(request, "healing/_waiting.html", {"waiting": waiting})


@require_safe
def approval(request: HttpRequest, pk: int) -> HttpResponse:
    """One question: what would run, why, what is left, and until when."""
    return render(request, "healing/approval.html", _shown(request, pk))


@require_safe
def approval_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Its moving part again."""
    return render(request, "healing/_approval.html", _shown(request, pk))


def verb_page(name: str) -> Callable[..., HttpResponse]:
    """The form of one verb: done, it goes back to the page; refused, it says why."""

    @require_POST
    @page_verb(name)
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        try:
            word_take(request, pk, name, user=request.user.get_username(), via="page")
        except MeshError as error:
            return _refused(request, pk, error)
        if "HX-Request" in request.headers:
            verb = name.removeprefix("approval_")
            return HttpResponse(headers={"HX-Redirect": request.path.removesuffix(f"{verb}/")})
        return redirect("healing:approval", pk)

    view.__name__, view.__doc__ = name, f"To {name.removeprefix('approval_')} a plan."
    return view


def word_take(request: HttpRequest, pk: int, name: str, *, user: str, via: str) -> Approval:
    """A person's word as a form gives it: reason, what was read, and what had to be typed."""
    given: dict[str, Any] = {
        "pk": pk,
        "user": user,
        "reason": request.POST.get("reason", "").replace("\x00", "").strip(),
        "confirm": request.POST.get("confirm", ""),
        "seen": _seen(request),
        "now": timezone.now(),
    }
    if name == "approval_override":
        return approval_override(**given)
    decision: Any = name.removeprefix("approval_")
    return approval_vote(decision=decision, via=via, **given)


def _seen(request: HttpRequest) -> Seen:
    version = request.POST.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise Invalid("The form does not say which version you read: load the page and try again.")
    return Seen(version=int(version), plan_hash=request.POST.get("plan_hash", "")[:64])


def _refused(request: HttpRequest, pk: int, error: MeshError) -> HttpResponse:
    """The sentence: inside of the dialog that asked, or on top of the page."""
    said: dict[str, Any] = {"refusal": error}
    if "HX-Request" in request.headers:
        return render(request, "healing/_refusal.html", said, status=error.status)
    return render(request, "healing/approval.html", _shown(request, pk) | said, status=error.status)


def _line(row: Approval) -> dict[str, Any]:
    return {
        "row": row,
        "title": pages.title_of(row.action, row.instance),
        "approvers": approvers(row),
    }


def _shown(request: HttpRequest, pk: int) -> dict[str, Any]:
    row = selectors.approval_get(pk)
    return asked(row) | {"buttons": pages.buttons_of(row, request.user, timezone.now())}


def asked(row: Approval) -> dict[str, Any]:
    """A question as its page and its link's page show it."""
    now = timezone.now()
    evidence = selectors.evidence_of(row, now)
    return {
        "approval": row,
        "title": pages.title_of(row.action, row.instance),
        "is_pending": row.state == ApprovalState.PENDING and row.expires_at > now,
        "approvers": approvers(row),
        "votes": row.votes.all(),
        "preview": row.case.preview if row.case.plan_hash == row.plan_hash else None,
        "gates": pages.gates_of(row.plan),
        "evidence": evidence,
        "bars": pages.bars_of(evidence.reporters),
        "box": (pages.BAR_WIDTH, pages.BAR_HEIGHT),
        "chart_minutes": selectors.CHART_SECONDS // 60,
    }
