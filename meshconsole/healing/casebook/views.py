"""Pages of cases: the list with its facets, one case with its whole story, and its report."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from meshconsole.core.pages import page_of, search_of
from meshconsole.healing.casebook.buttons import buttons_of
from meshconsole.healing.casebook.markdown import case_markdown
from meshconsole.healing.casebook.story import story_of
from meshconsole.healing.casebook.words import TRIGGERS, action_word
from meshconsole.healing.cases import selectors as case_selectors
from meshconsole.healing.cases.states import EXECUTING, WAITING_FOR_PERSON
from meshconsole.healing.evidence.facets import facet_links
from meshconsole.inventory.selectors import application_get

FIRST_BUTTONS = 2
"""The others stand under "more"."""
MARKDOWN = "text/markdown; charset=utf-8"


@require_safe
def cases(request: HttpRequest) -> HttpResponse:
    """Every case, open ones first, held up to date."""
    return render(request, "healing/cases.html", _list(request))


@require_safe
def case_rows(request: HttpRequest) -> HttpResponse:
    """The rows and facets again."""
    return render(request, "healing/_case_list.html", _list(request))


@require_safe
def application_cases(request: HttpRequest, name: str) -> HttpResponse:
    """The cases of one application."""
    found = application_get(name)
    picked = {"application": found.name}
    context = {
        "name": found.name,
        "tab": "cases",
        "page": page_of(case_selectors.case_list(picked), request),
        "is_filtered": False,
    }
    return render(request, "healing/application_cases.html", context)


@require_safe
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """One case with its whole story."""
    return render(request, "healing/case.html", case_shown(request, pk))


@require_safe
def case_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Its moving part again."""
    return render(request, "healing/_case.html", case_shown(request, pk))


@require_safe
def case_report(request: HttpRequest, pk: int) -> HttpResponse:
    """The story as Markdown, to keep."""
    return report_of(pk)


def report_of(pk: int) -> HttpResponse:
    """A case's report as a file; raises NotFound."""
    text = case_markdown(story_of(case_selectors.case_get(pk), timezone.now()))
    response = HttpResponse(text, content_type=MARKDOWN)
    response["Content-Disposition"] = f'inline; filename="case-{pk}.md"'
    return response


def _list(request: HttpRequest) -> dict[str, Any]:
    picked = {name: search_of(request, name) for name in case_selectors.FILTERS}
    text = search_of(request)
    page = page_of(case_selectors.case_list(picked, text=text), request)
    return {
        "page": page,
        "facets": facet_links(
            request, case_selectors.case_facets(picked, text=text).facets, picked
        ),
        "picked": picked,
        "q": text,
        "is_filtered": bool(text or any(picked.values())),
        "open_count": case_selectors.case_open_count(),
        "waiting_count": case_selectors.case_waiting_count(),
    }


def case_shown(request: HttpRequest, pk: int) -> dict[str, Any]:
    """One case as its page shows it to who asks."""
    story = story_of(case_selectors.case_get(pk), timezone.now())
    plan = story.case.plan or {}
    buttons = buttons_of(story.case, request.user)
    reasons = [one.action["reason"] for one in buttons if one.is_offered]
    return {
        "story": story,
        "case": story.case,
        "around": story.around,
        "evidence": story.evidence,
        "plan": plan,
        "plan_word": action_word(str(plan.get("action", ""))),
        "timeline": story.entries[::-1],
        "is_acting": story.case.state in EXECUTING,
        "waits_for_person": story.case.state in WAITING_FOR_PERSON,
        "is_moving": story.case.is_open,
        "trigger": TRIGGERS.get(story.case.trigger, story.case.trigger),
        "title": f"Case {pk}, {story.case.instance}",
        "buttons": buttons,
        "first_buttons": [one for one in buttons if one.is_offered][:FIRST_BUTTONS],
        "more_buttons": [one for one in buttons if one.is_offered][FIRST_BUTTONS:],
        "refused_verbs": next(filter(None, reasons), ""),
        "approval": story.case.approvals.order_by("-pk").first(),
    }
