"""Approvals by REST: evidence and buttons with each, and 409 with how it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from meshconsole.healing.cases.approval_models import Approval
from tests.factories import an_instance
from tests.harness.approvals import an_approval

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]


def post(api: APIClient, approval: Approval, verb: str, **given: Any) -> Any:
    body = {"reason": "Seen.", "version": 1, "plan_hash": approval.plan_hash} | given
    return api.post(f"/api/v1/approvals/{approval.pk}/{verb}", body)


def actions(body: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["reason"] for one in body["allowed_actions"]}


def test_the_queue_and_one_question_with_its_evidence(api_of: Api) -> None:
    for number in (1, 2, 3):
        an_instance(f"order-{number}")
    approval = an_approval(now=timezone.now())
    api = api_of("viewer")
    (row,) = api.get("/api/v1/approvals", {"state": "pending"}).json()["results"]
    assert row["id"] == approval.pk
    assert api.get("/api/v1/approvals", {"state": "rejected"}).json()["results"] == []
    body = api.get(f"/api/v1/approvals/{approval.pk}").json()
    assert body["evidence"]["service"] == {"name": "order", "total": 3, "serving": 3, "after": 2}
    assert "approver" in actions(body)["approval_approve"]
    assert api.get("/api/v1/approvals/0").status_code == 404


def test_an_approver_approves_what_was_read(api_of: Api) -> None:
    approval = an_approval(now=timezone.now())
    api = api_of("approver")
    assert post(api, approval, "approve", version=2).status_code == 409
    assert post(api, approval, "approve", plan_hash="0" * 64).status_code == 409
    assert post(api, approval, "approve", reason="").status_code == 422
    answer = post(api, approval, "approve")
    assert answer.status_code == 200
    assert answer.json()["state"] == "approved"
    assert answer.json()["votes"][0]["via"] == "api"


def test_a_late_answer_gets_409_with_state_and_buttons(api_of: Api) -> None:
    approval = an_approval(now=timezone.now())
    assert post(api_of("approver"), approval, "reject").status_code == 200
    late = post(api_of("admin"), approval, "approve")
    assert late.status_code == 409
    body = late.json()
    assert body["current_state"]["state"] == "rejected"
    assert actions(body)["approval_approve"] == "It is decided already: rejected."
    assert late["Content-Type"] == "application/problem+json"


def test_who_asked_is_refused_and_told_why(api_of: Api, person: Callable[[str], User]) -> None:
    person("approver")
    approval = an_approval(now=timezone.now(), asked_by="approver")
    answer = post(api_of("approver"), approval, "approve")
    assert answer.status_code == 403
    assert answer.json()["code"] == "four_eyes"
    assert post(api_of("operator"), approval, "approve").status_code == 403


def test_the_emergency_is_for_admins_and_says_so(api_of: Api) -> None:
    approval = an_approval(now=timezone.now(), action="remove", needed=2, asked_by="admin")
    assert post(api_of("approver"), approval, "override").status_code == 403
    refused = post(api_of("admin"), approval, "override")
    assert refused.status_code == 422
    assert refused.json()["code"] == "confirm"
    done = post(api_of("admin"), approval, "override", confirm="order-1")
    assert done.json()["state"] == "approved"
    assert done.json()["overridden_by"] == "admin"
