"""What healing knows of an instance stands on its page, in lists and in the graph."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from meshconsole.healing.cases.states import CaseState
from meshconsole.healing.cases.troubles import topology_notes, troubles_of
from meshconsole.healing.models import ActiveEjection
from meshconsole.inventory.services import instance_drain
from meshconsole.telemetry.notes import notes_now
from tests.factories import an_instance
from tests.harness.cases import a_case

pytestmark = pytest.mark.django_db
Browser = Callable[[str], Client]


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_instance_says_who_leaves_it_out_since_when_and_until_when(
    browser_of: Browser,
) -> None:
    a_case(CaseState.COOLING)
    page = text(browser_of("viewer"), "/instances/stock-1/")
    left_out = page.partition('id="left-out"')[2].partition("</section>")[0]
    assert left_out.count("<tr>") == 4
    assert "2 times in a row" in left_out
    assert "no share" in left_out
    assert "data-ago" in left_out
    assert re.search(r"in \d+ s", left_out)


def test_an_instance_leads_to_its_case_and_shows_every_action(browser_of: Browser) -> None:
    case = a_case(CaseState.VERIFYING)
    page = text(browser_of("viewer"), "/instances/stock-1/")
    assert f'href="/cases/{case.pk}/">Case {case.pk}' in page
    assert "restart the application&#x27;s process" in page
    assert "Started anew as process 4711." in page
    assert "Tests after the last action" in page
    assert page.count("fine") >= 5


def test_an_instance_to_which_nothing_ever_happened_says_so(browser_of: Browser) -> None:
    an_instance("order-1")
    page = text(browser_of("viewer"), "/instances/order-1/")
    for sentence in (
        "No caller leaves it out just now.", "No case was ever opened for it.",
        "Nothing was ever done to it by healing.", "It was not tested",
        "It sends requests to every endpoint that it knows.",
    ):  # fmt: skip
        assert sentence in page


def test_what_people_did_to_an_instance_is_on_its_page(browser_of: Browser) -> None:
    instance_drain(an_instance("order-1"), actor="ann", reason="Disk.")
    assert "Disk." in text(browser_of("viewer"), "/instances/order-1/")


def test_an_instance_says_whom_it_leaves_out(browser_of: Browser) -> None:
    a_case(CaseState.COOLING)
    page = text(browser_of("viewer"), "/instances/order-1/")
    assert 'href="/instances/stock-1/"' in page.partition('id="leaves-title"')[2]


def test_lists_mark_an_instance_by_shape_and_word(browser_of: Browser) -> None:
    case = a_case(CaseState.COOLING)
    row = text(browser_of("viewer"), "/instances/").partition('id="instance-stock-1"')[2]
    row = row.partition("</tr>")[0]
    assert "ejected" in row
    assert "by 3 callers" in row
    assert f"Case {case.pk}" in row


def test_who_only_reports_or_takes_back_is_not_left_out() -> None:
    a_case(CaseState.RESOLVED)
    ActiveEjection.objects.filter(reporter_instance="order-1").update(mode="report")
    ActiveEjection.objects.filter(reporter_instance="order-2").update(state="returning")
    now = timezone.now()
    assert troubles_of(["stock-1"], now)["stock-1"].callers == 1
    ActiveEjection.objects.update(renewed_at=now - timedelta(minutes=2))
    assert troubles_of(["stock-1"], now) == {}
    assert topology_notes(now) == []


def test_the_graph_is_told_where_instances_in_trouble_belong() -> None:
    a_case(CaseState.COOLING)
    (note,) = notes_now(timezone.now())
    assert (note.app, note.unit, note.is_ejected, note.has_case) == ("stock", "unit1", True, True)


def test_the_overview_says_how_many_cases_are_open_and_who_must_decide(
    browser_of: Browser,
) -> None:
    case = a_case(CaseState.AWAITING_APPROVAL)
    page = text(browser_of("viewer"), "/")
    figure = page.partition('data-figure="healing"')[2].partition("</p>")[0]
    assert figure.startswith(">1 <small>open case,")
    assert "1 waits for a person" in figure
    assert f'id="case-short-{case.pk}"' in page
    assert f'id="case-short-{case.pk}"' in text(browser_of("viewer"), "/applications/stock/")


def test_a_removal_is_asked_for_on_the_page_of_an_instance(browser_of: Browser) -> None:
    an_instance("order-1")
    client = browser_of("operator")
    assert 'data-opens="ask-remove"' in text(client, "/instances/order-1/")
    wrong = client.post("/instances/order-1/remove/", {"confirm": "order-2", "reason": "Old."})
    assert wrong["Location"] == "/instances/order-1/"
    assert "Type order-1 to confirm it." in text(client, "/instances/order-1/")
    asked = client.post("/instances/order-1/remove/", {"confirm": "order-1", "reason": "Old."})
    page = text(client, asked["Location"])
    assert "Removal asked for" in page
    assert "by a person" in page


def test_who_may_not_ask_for_a_removal_is_told_why(browser_of: Browser) -> None:
    an_instance("order-1")
    page = text(browser_of("viewer"), "/instances/order-1/")
    assert "This needs the role operator; yours is viewer." in page
    assert 'id="ask-remove"' not in page


def test_an_application_has_its_cases_in_a_tab(browser_of: Browser) -> None:
    case = a_case(CaseState.COOLING)
    an_instance("order-9")
    client = browser_of("viewer")
    assert f'id="case-{case.pk}"' in text(client, "/applications/stock/cases/")
    assert "No case yet" in text(client, "/applications/order/cases/")
