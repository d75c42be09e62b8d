"""Rollouts by REST: the same verbs as everywhere, and problems that say the state in force."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from meshconsole.encryption.keeping import authority_ensure
from tests.factories import an_instance

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
PATH = "/api/v1/rollouts"
WISH: dict[str, Any] = {
    "kind": "route_table",
    "application": "order",
    "spec": {"split": {"Group_1": 50, "Group_2": 50}},
}


@pytest.fixture(autouse=True)
def _order() -> None:
    an_instance("order-1", group="Group_1")
    an_instance("order-2", group="Group_2", unit="unit2")
    an_instance("order-3", group="Group_1", unit="unit2")


def enabled(body: dict[str, Any]) -> set[str]:
    return {one["name"] for one in body["allowed_actions"] if one["enabled"]}


def test_a_preview_is_for_everybody_who_may_look(api_of: Api) -> None:
    answer = api_of("viewer").post(f"{PATH}/preview", WISH)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert [wave["share"] for wave in body["waves"]] == ["1%", "5%", "20%", "50%", "100%"]
    assert (body["blockers"], body["approval"], body["min_requests"]) == ([], "", 500)
    assert body["affected_sidecars"] == 3
    assert [one["enabled"] for one in body["allowed_actions"]] == [False]
    assert api_of("viewer").post(PATH, WISH).status_code == 403


def test_a_rollout_goes_through_its_verbs(api_of: Api) -> None:
    api = api_of("operator")
    made = api.post(PATH, WISH | {"reason": "gray"}, headers={"Idempotency-Key": "one"})
    assert made.status_code == 201, made.content
    again = api.post(PATH, WISH, headers={"Idempotency-Key": "one"})
    pk = made.json()["id"]
    assert again.json()["id"] == pk
    assert enabled(made.json()) == {"rollout_plan", "rollout_abort"}
    planned = api.post(f"{PATH}/{pk}/preview").json()
    assert (planned["state"], planned["wave_count"]) == ("previewed", 5)
    begun = api.post(f"{PATH}/{pk}/start", {"reason": "now"}).json()
    assert begun["state"] == "approved"
    wrong = api.post(f"{PATH}/{pk}/resume")
    assert (wrong.status_code, wrong.json()["code"]) == (409, "rollout_state")
    assert wrong.json()["current_state"]["state"] == "approved"
    assert api.post(f"{PATH}/{pk}/abort").json()["state"] == "rolled_back"
    log = api.get(f"{PATH}/{pk}/decisions").json()["results"]
    assert [one["verb"] for one in log] == ["aborted", "cleared", "planned", "created"]
    (row,) = api.get(PATH, {"state": "rolled_back", "application": "order"}).json()["results"]
    assert (row["id"], row["wave_count"]) == (pk, 5)
    assert api.get(PATH, {"state": "open"}).json()["results"] == []
    assert api.get(f"{PATH}/{pk + 1}").status_code == 404


def test_only_an_admin_goes_past_a_freeze_and_only_an_approver_makes_one(api_of: Api) -> None:
    now = timezone.now()
    window = {
        "begins_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=1)).isoformat(),
        "reason": "fair",
    }
    assert api_of("operator").post("/api/v1/freezes", window).status_code == 403
    made = api_of("approver").post("/api/v1/freezes", window)
    assert made.status_code == 201, made.content
    api = api_of("operator")
    pk = api.post(PATH, WISH).json()["id"]
    api.post(f"{PATH}/{pk}/preview")
    frozen = api.post(f"{PATH}/{pk}/start")
    assert (frozen.status_code, frozen.json()["code"]) == (423, "frozen")
    assert int(frozen["Retry-After"]) > 3500
    bypass = {"bypass": True, "reason": "outage"}
    assert api.post(f"{PATH}/{pk}/start", bypass).status_code == 403
    begun = api_of("admin").post(f"{PATH}/{pk}/start", bypass)
    assert (begun.status_code, begun.json()["bypassed_by"]) == (200, "admin")
    assert len(api.get("/api/v1/freezes").json()["results"]) == 1
    path = f"/api/v1/freezes/{made.json()['id']}"
    assert api_of("approver").delete(path).status_code == 204
    assert api_of("approver").delete(path).status_code == 404


def test_an_approval_is_somebody_elses(api_of: Api) -> None:
    wish = WISH | {"spec": WISH["spec"] | {"ask_approval": True}}
    api = api_of("approver")
    pk = api.post(PATH, wish).json()["id"]
    api.post(f"{PATH}/{pk}/preview")
    asked = api.post(f"{PATH}/{pk}/start").json()
    assert asked["state"] == "awaiting_approval"
    (mine,) = [one for one in asked["allowed_actions"] if one["name"] == "rollout_approve"]
    assert (mine["enabled"], "Somebody else" in mine["reason"]) == (False, True)
    assert api.post(f"{PATH}/{pk}/approve").status_code == 403
    assert api_of("operator").post(f"{PATH}/{pk}/approve").status_code == 403
    assert api_of("admin").post(f"{PATH}/{pk}/approve").json()["state"] == "approved"


def test_a_wrong_wish_says_where(api_of: Api) -> None:
    answer = api_of("operator").post(PATH, WISH | {"spec": {"split": {"Group_1": 1}}})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/spec/split")
    assert api_of("operator").post(f"{PATH}/preview", {}).status_code in (400, 422)


def test_a_rollout_is_no_way_round_the_role_that_its_steps_ask_for(
    api_of: Api, client: Client, person: Callable[[str], User], settings: Settings
) -> None:
    authority_ensure(timezone.now())
    pk = api_of("operator").post(PATH, {"kind": "ca_rotation", "spec": {}}).json()["id"]
    api_of("operator").post(f"{PATH}/{pk}/preview")
    word = {"confirm": settings.MESH_TRUST_DOMAIN}
    begun = api_of("operator").post(f"{PATH}/{pk}/start", word)
    assert begun.json()["state"] == "awaiting_approval"
    refused = api_of("approver").post(f"{PATH}/{pk}/approve")
    assert refused.status_code == 403
    assert "needs the role admin" in refused.json()["detail"]
    client.force_login(person("approver"))
    page = client.post(f"/rollouts/{pk}/approve/", {"confirm": "ca_rotation"})
    assert "needs the role admin" in page.content.decode()
    assert api_of("viewer").get(f"{PATH}/{pk}").json()["state"] == "awaiting_approval"
    approved = api_of("admin").post(f"{PATH}/{pk}/approve")
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({"kind": "tls_mode", "application": "", "spec": {"to": "strict"}}, ""),
        ({"kind": "tls_mode", "application": "order", "spec": {"to": "strict"}}, "order"),
    ],
)
def test_what_every_caller_feels_is_started_with_the_word_that_it_asks_for(
    api_of: Api, settings: Settings, wish: dict[str, Any], word: str
) -> None:
    api, word = api_of("admin"), word or settings.MESH_TRUST_DOMAIN
    pk = api.post(PATH, wish).json()["id"]
    planned = api.post(f"{PATH}/{pk}/preview").json()
    (action,) = [one for one in planned["allowed_actions"] if one["name"] == "rollout_start"]
    assert action["confirm"] == word
    for typed in ({}, {"confirm": "yes"}):
        refused = api.post(f"{PATH}/{pk}/start", typed)
        assert refused.status_code == 422, refused.content
        assert refused.json()["code"] == "confirm"
        assert f"Type {word} to confirm" in refused.json()["detail"]
    begun = api.post(f"{PATH}/{pk}/start", {"confirm": word})
    assert begun.json().get("state") == "awaiting_approval", begun.content
