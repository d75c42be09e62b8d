"""What people do with a case, by REST: each verb in the states that know it, and in no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from meshconsole.audit.models import AuditEntry
from meshconsole.healing.cases.services import Subject, case_move, cases_open
from meshconsole.healing.cases.states import CaseEvent as E
from meshconsole.healing.models import HealingCase
from tests.factories import an_instance

pytestmark = pytest.mark.django_db

WHY = {"reason": "It is known."}


@pytest.fixture
def case() -> HealingCase:
    an_instance("order-1")
    return cases_open([Subject(instance="order-1", app="order", unit="unit1")], now=timezone.now())[
        0
    ]


@pytest.fixture
def operator_api(api_of: Callable[[str], APIClient]) -> APIClient:
    return api_of("operator")


def moved(case: HealingCase, *events: E) -> HealingCase:
    for event in events:
        case_move(
            case, event, actor="healer", reason="It is so.", now=timezone.now(),
            due_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
    return case


def post(api: APIClient, case: HealingCase, verb: str, **body: Any) -> Any:
    return api.post(f"/api/v1/cases/{case.pk}/{verb}", body or WHY)


def buttons(answer: Any) -> set[str]:
    return {one["name"] for one in answer.json()["allowed_actions"] if one["enabled"]}


def test_the_list_has_open_cases_and_is_narrowed(
    operator_api: APIClient, case: HealingCase
) -> None:
    [row] = operator_api.get("/api/v1/cases?state=open&application=order").json()["results"]
    assert (row["id"], row["state"], row["instance"]) == (case.pk, "observed", "order-1")
    assert operator_api.get("/api/v1/cases?state=dismissed").json()["results"] == []
    facets = operator_api.get("/api/v1/cases/facets").json()["facets"]
    counted = [{"value": word, "count": 1} for word in ("open", "observed")]
    assert {"name": "state", "values": counted} in facets


def test_one_case_has_its_timeline_and_its_buttons(
    operator_api: APIClient, case: HealingCase
) -> None:
    moved(case, E.TAKEN_UP)
    found = operator_api.get(f"/api/v1/cases/{case.pk}")
    assert found.json()["remediations"] == []
    assert buttons(found) == {"case_hold", "case_dismiss", "removal_start"}
    lines = operator_api.get(f"/api/v1/cases/{case.pk}/timeline").json()["results"]
    assert [line["event"] for line in lines] == ["opened", "taken_up"]


def test_a_viewer_sees_buttons_that_say_why_they_are_not_for_viewers(
    api_of: Callable[[str], APIClient], case: HealingCase
) -> None:
    viewer = api_of("viewer")
    found = viewer.get(f"/api/v1/cases/{case.pk}").json()["allowed_actions"]
    assert all("operator" in one["reason"] for one in found)
    assert post(viewer, case, "dismiss").status_code == 403


def test_a_dismissed_case_is_over_and_saying_it_twice_is_no_error(
    operator_api: APIClient, case: HealingCase
) -> None:
    first = post(operator_api, case, "dismiss")
    assert (first.status_code, first.json()["state"], first.json()["outcome"]) == (
        200, "dismissed", "dismissed",
    )  # fmt: skip
    assert post(operator_api, case, "dismiss").status_code == 200
    assert AuditEntry.objects.get(verb="dismissed").actor == "operator"


def test_every_verb_needs_a_reason(operator_api: APIClient, case: HealingCase) -> None:
    for verb in ("dismiss", "hold", "release", "retry", "mark"):
        answer = operator_api.post(f"/api/v1/cases/{case.pk}/{verb}", {"reason": "  "})
        assert answer.status_code == 422, verb


def test_a_verb_that_its_state_does_not_know_is_answered_with_the_state(
    operator_api: APIClient, case: HealingCase
) -> None:
    answer = post(operator_api, case, "retry")
    assert answer.status_code == 409
    assert answer.json()["current_state"]["state"] == "observed"
    assert operator_api.post("/api/v1/cases/999/retry", WHY).status_code == 404


def test_a_case_that_a_person_holds_is_released_by_a_person(
    operator_api: APIClient, case: HealingCase
) -> None:
    held = post(operator_api, moved(case, E.TAKEN_UP), "hold").json()
    assert (held["state"], held["held_from"], held["held_by"]) == ("held", "cooling", "operator")
    freed = post(operator_api, case, "release").json()
    assert (freed["state"], freed["held_by"]) == ("held", "")
    assert HealingCase.objects.get(pk=case.pk).due_at <= timezone.now()  # type: ignore[operator]


def test_to_hold_a_case_that_drains_is_a_wish_that_the_healer_finishes_first(
    operator_api: APIClient, case: HealingCase
) -> None:
    moved(case, E.TAKEN_UP, E.COOLED_DOWN, E.QUORUM_REACHED, E.AUTO_APPROVED)
    asked = post(operator_api, case, "hold").json()
    assert (asked["state"], asked["held_by"]) == ("draining", "operator")
    moved(HealingCase.objects.get(pk=case.pk), E.DRAINED)
    assert post(operator_api, case, "hold").status_code == 409


def test_an_escalated_case_is_tried_again_from_the_first_rung(
    operator_api: APIClient, case: HealingCase
) -> None:
    moved(case, E.TAKEN_UP, E.COOLED_DOWN, E.QUORUM_REACHED)
    case_move(case, E.GATED_TOO_LONG, actor="healer", reason="", now=timezone.now(), rung=3)
    again = post(operator_api, case, "retry").json()
    assert (again["state"], again["rung"], again["rounds"]) == ("confirming", 0, 1)


def test_only_a_closed_case_is_marked_and_the_last_word_counts(
    operator_api: APIClient, case: HealingCase
) -> None:
    mark = {"reason": "A deploy.", "mark": "false_alarm"}
    assert post(operator_api, case, "mark", **mark).status_code == 409
    moved(case, E.TAKEN_UP, E.WENT_QUIET)
    assert post(operator_api, case, "mark", **mark).json()["mark"] == "false_alarm"
    assert post(operator_api, case, "mark", reason="No.", mark="right").json()["mark"] == "right"
    assert post(operator_api, case, "mark", reason="No.", mark="odd").status_code == 422
    assert AuditEntry.objects.filter(verb="case_marked").count() == 2


def test_a_removal_is_asked_for_by_the_open_case_or_by_a_new_one(
    operator_api: APIClient, case: HealingCase
) -> None:
    asked = operator_api.post("/api/v1/removals", {"instance": "order-1", **WHY})
    assert (asked.status_code, asked.json()["id"]) == (201, case.pk)
    assert (asked.json()["state"], asked.json()["asked_by"]) == ("gated", "operator")
    again = operator_api.post("/api/v1/removals", {"instance": "order-1", **WHY})
    assert again.status_code == 409
    an_instance("order-2")
    other = operator_api.post("/api/v1/removals", {"instance": "order-2", **WHY}).json()
    assert (other["state"], other["trigger"]) == ("gated", "person")
    gone = operator_api.post("/api/v1/removals", {"instance": "order-9", **WHY})
    assert gone.status_code == 404


def test_a_removal_may_be_asked_for_just_after_a_dismissal(
    operator_api: APIClient, case: HealingCase
) -> None:
    post(operator_api, case, "dismiss")
    asked = operator_api.post("/api/v1/removals", {"instance": "order-1", **WHY})
    assert (asked.status_code, asked.json()["state"]) == (201, "gated")
