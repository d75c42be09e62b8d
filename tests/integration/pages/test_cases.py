"""Pages of cases: the list, one case in every state, and its report afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from meshconsole.healing.cases.approvals import approval_request
from meshconsole.healing.cases.services import case_move, cases_open
from meshconsole.healing.cases.states import CaseEvent, CaseState
from tests.harness.cases import GATES, PLAN, SUBJECT, a_case

pytestmark = pytest.mark.django_db
Browser = Callable[[str], Client]
HEALED = [state for state in CaseState.values if state not in ("removed", "dismissed")]


def text(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_list_says_how_a_case_comes_about(browser_of: Browser) -> None:
    page = text(browser_of("viewer"), "/cases/")
    assert "No case yet" in page
    assert "break an instance" in page


def test_open_cases_come_first_and_facets_count_them(browser_of: Browser) -> None:
    healed = a_case(CaseState.RESOLVED)
    (opened,) = cases_open([SUBJECT], now=healed.opened_at)
    client = browser_of("viewer")
    page = text(client, "/cases/")
    assert page.index(f'id="case-{opened.pk}"') < page.index(f'id="case-{healed.pk}"')
    assert re.search(r"state=open[^>]*>open <b>1</b>", page)
    assert re.search(r"outcome=resolved[^>]*>resolved <b>1</b>", page)
    narrowed = text(client, "/cases/", state="open")
    assert f'id="case-{healed.pk}"' not in narrowed
    assert "No case matches" in text(client, "/cases/", application="nobody")
    assert f'id="case-{healed.pk}"' in text(client, "/cases/rows/", q="stock")


def test_a_case_that_waits_for_a_person_says_so_in_the_list(browser_of: Browser) -> None:
    a_case(CaseState.AWAITING_APPROVAL)
    page = text(browser_of("viewer"), "/cases/")
    assert "state=waiting" in page
    assert "for a person" in page


@pytest.mark.parametrize(
    "state",
    ["observed", "cooling", "confirming", "gated", "awaiting_approval", "draining", "acting",
     "verifying", "returning", "resolved"],
)  # fmt: skip
def test_a_case_shows_its_state_in_the_drawing_and_what_it_waits_for(
    browser_of: Browser, state: str
) -> None:
    case = a_case(state)
    assert case.state == state
    client = browser_of("viewer")
    page = text(client, f"/cases/{case.pk}/")
    drawn = re.search(r'class="place is-gone is-present">.*?<text[^>]*>([a-z ]+)', page, re.S)
    assert drawn is not None
    assert drawn.group(1).strip() == state.replace("_", " ")
    assert text(client, f"/cases/{case.pk}/live/").count('id="case"') == 1


def test_a_gated_case_says_why_nothing_happens_with_value_against_bound(
    browser_of: Browser,
) -> None:
    case = a_case(CaseState.GATED)
    page = text(browser_of("viewer"), f"/cases/{case.pk}/")
    assert "Why nothing is happening right now" in page
    rows = re.findall(r'<li class="gate" id="gate-(\w+)">(.*?)</li>', page, re.S)
    assert [name for name, _ in rows] == ["instance_apart", "blast_radius"]
    first = rows[0][1]
    assert "stops it" in first
    assert "300 s" in first
    assert "900 s" in first
    assert "33.3%" in rows[1][1]
    assert "data-until" in page
    held = page.partition('id="gates-holding"')[2]
    assert "2 gates hold, value against bound" in held
    assert re.search(r'id="gate-storm_mesh".*?>1</td>.*?>5</td>', held)


def test_evidence_is_told_by_reporter_with_its_neighbourhood(browser_of: Browser) -> None:
    case = a_case(CaseState.AWAITING_APPROVAL)
    page = text(browser_of("viewer"), f"/cases/{case.pk}/")
    assert page.count('class="lane-chart"') == 3
    assert "order-1: 90 failures in 240 attempts" in page
    assert "refused | &lt;b&gt;" in page
    assert re.search(r'data-figure="capacity">\s*2 <small class="soft">of 3', page)
    assert "no share" in page
    assert "No other instance of stock is out." in page


def test_a_step_shows_its_order_and_its_answer(browser_of: Browser) -> None:
    case = a_case(CaseState.RESOLVED)
    page = text(browser_of("viewer"), f"/cases/{case.pk}/")
    assert "restart the application&#x27;s process" in page
    assert f"case-{case.pk}-1" in page
    assert "drained after 12 s" in page
    assert "5 of 5 tests afterwards were fine" in page


def test_a_case_that_is_held_or_escalated_opens_too(browser_of: Browser) -> None:
    case = a_case(CaseState.GATED)
    case_move(case, CaseEvent.HELD, actor="healer", reason="Storm.", now=case.opened_at)
    client = browser_of("viewer")
    assert "Storm." in text(client, f"/cases/{case.pk}/")
    case_move(case, CaseEvent.RELEASED, actor="healer", reason="Quiet.", now=case.opened_at)
    case_move(case, CaseEvent.SERVICE_WIDE, actor="healer", reason="All.", now=case.opened_at)
    assert "service incident" in text(client, f"/cases/{case.pk}/")


def test_a_case_that_is_not_there_is_said_in_a_sentence(browser_of: Browser) -> None:
    answer = browser_of("viewer").get("/cases/999999/")
    assert answer.status_code == 404
    assert "There is no case 999999" in answer.content.decode()


def test_the_report_tells_the_whole_story_and_lets_nobody_write_markup(
    browser_of: Browser,
) -> None:
    case = a_case(CaseState.RESOLVED)
    answer = browser_of("viewer").get(f"/cases/{case.pk}.md")
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    told = answer.content.decode()
    for part in (
        f"# Case {case.pk}: stock-1 of stock", "**Resolved** after 5 min 40 s.", "## Timeline",
        "Approved (awaiting approval → draining)", "## Who saw what", "5xx 12, connect 78",
        "## Samples", "## Gates", "## What was done",
        "restart the application's process", "## The service around it", "## Changes nearby",
        "## Judged afterwards",
    ):  # fmt: skip
        assert part.replace("_", "\\_") in told, part
    assert r"refused \| \<b\>" in told
    assert "<b>" not in told.replace(r"\<b\>", "")


@pytest.mark.parametrize("path", ["/cases/", "/cases/rows/", "/cases/1/", "/cases/1.md"])
def test_strangers_are_turned_away(browser_of: Browser, path: str) -> None:
    assert browser_of("stranger").get(path).status_code == 403
    assert Client().get(path).status_code == 302


def test_the_report_is_there_for_scripts_too(api_of: Callable[[str], APIClient]) -> None:
    case = a_case(CaseState.RESOLVED)
    answer = api_of("viewer").get(f"/api/v1/cases/{case.pk}.md")
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert f"# Case {case.pk}" in answer.content.decode()
    assert api_of("viewer").get("/api/v1/cases/999999.md").status_code == 404
    assert api_of("stranger").get(f"/api/v1/cases/{case.pk}.md").status_code == 403


def test_a_case_offers_what_its_state_allows_and_says_what_a_role_forbids(
    browser_of: Browser,
) -> None:
    case = a_case(CaseState.COOLING)
    page = text(browser_of("operator"), f"/cases/{case.pk}/")
    assert re.findall(r'id="verb-(\w+)"', page) == ["hold", "dismiss", "remove"]
    assert 'aria-disabled="true"' not in page
    looked_at = text(browser_of("viewer"), f"/cases/{case.pk}/")
    assert "This needs the role operator; yours is viewer." in looked_at
    assert 'id="ask-hold"' not in looked_at


def test_a_case_is_held_and_released_by_its_forms(browser_of: Browser) -> None:
    case = a_case(CaseState.COOLING)
    client = browser_of("operator")
    answer = client.post(f"/cases/{case.pk}/hold/", {"reason": "Look first."})
    assert answer["Location"] == f"/cases/{case.pk}/"
    case.refresh_from_db()
    assert (case.state, case.held_by) == ("held", "operator")
    asked = client.post(
        f"/cases/{case.pk}/release/", {"reason": "Seen."}, headers={"HX-Request": "true"}
    )
    assert asked["HX-Redirect"] == f"/cases/{case.pk}/"


def test_a_form_that_is_refused_says_why_in_its_dialog_and_on_the_page(
    browser_of: Browser,
) -> None:
    case = a_case(CaseState.RESOLVED)
    client = browser_of("operator")
    inside = client.post(
        f"/cases/{case.pk}/hold/", {"reason": "Late."}, headers={"HX-Request": "true"}
    )
    assert inside.status_code == 409
    assert "to hold it is not possible" in inside.content.decode()
    whole = client.post(f"/cases/{case.pk}/dismiss/", {"reason": ""})
    assert whole.status_code == 422
    assert "Say why" in whole.content.decode()
    assert 'id="case"' in whole.content.decode()


def test_a_removal_asks_for_the_name(browser_of: Browser) -> None:
    case = a_case(CaseState.COOLING)
    client = browser_of("operator")
    wrong = client.post(f"/cases/{case.pk}/remove/", {"reason": "Broken.", "confirm": "stock-2"})
    assert wrong.status_code == 422
    assert "Type stock-1 to confirm it." in wrong.content.decode()
    client.post(f"/cases/{case.pk}/remove/", {"reason": "Broken.", "confirm": "stock-1"})
    case.refresh_from_db()
    assert (case.state, case.asked_by) == ("gated", "operator")


def test_a_closed_case_is_judged(browser_of: Browser) -> None:
    case = a_case(CaseState.RESOLVED)
    client = browser_of("operator")
    client.post(f"/cases/{case.pk}/mark/", {"reason": "A drill.", "mark": "false_alarm"})
    assert "false alarm" in text(client, f"/cases/{case.pk}/")
    assert "False alarm, by operator: A drill." in text(client, f"/cases/{case.pk}.md")


@pytest.mark.parametrize("verb", ["hold", "release", "retry", "dismiss", "mark", "remove"])
def test_who_may_only_look_changes_nothing(browser_of: Browser, verb: str) -> None:
    case = a_case(CaseState.COOLING)
    answer = browser_of("viewer").post(f"/cases/{case.pk}/{verb}/", {"reason": "Because."})
    assert answer.status_code == 403
    case.refresh_from_db()
    assert case.state == "cooling"


def test_a_case_that_waits_leads_to_its_approval(browser_of: Browser) -> None:
    case = a_case(CaseState.AWAITING_APPROVAL)
    plan = PLAN | {"hash": case.plan_hash}
    now = timezone.now()
    asked = approval_request(case, plan, 1, now + timedelta(seconds=90), now=now)
    page = text(browser_of("approver"), f"/cases/{case.pk}/")
    assert f'id="decide" href="/approvals/{asked.pk}/"' in page


def test_who_said_yes_stands_in_the_timeline_and_in_the_report(browser_of: Browser) -> None:
    case = a_case(CaseState.AWAITING_APPROVAL)
    now = timezone.now()
    plan = PLAN | {"hash": case.plan_hash}
    asked = approval_request(case, plan, 1, now + timedelta(seconds=90), now=now)
    asked.votes.create(user="ann", decision="approve", reason="Go on.", at=now, via="link")
    client = browser_of("viewer")
    assert "ann, by link" in text(client, f"/cases/{case.pk}/")
    assert "| ann, by link | Said yes | Go on. |" in text(client, f"/cases/{case.pk}.md")


def test_what_is_over_shows_the_gates_that_it_was_decided_by(browser_of: Browser) -> None:
    case = a_case(CaseState.RESOLVED)
    case.plan = PLAN | {"gates": [GATES[0]]}
    case.save(update_fields=["plan"])
    page = text(browser_of("viewer"), f"/cases/{case.pk}/")
    assert "What it was decided by" in page
    assert 'id="gate-service_out"' in page
    assert 'id="gate-instance_apart"' not in page
