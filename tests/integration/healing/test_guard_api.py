"""Guard rails by REST: layers with versions, brakes that are typed, times that end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests.factories import an_instance

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
POLICY = "/api/v1/healing-policy"
ORDER = "/api/v1/applications/order/healing-policy"


def put(api: APIClient, url: str, version: int, **given: Any) -> Any:
    body = {"reason": "As agreed."} | given
    return api.put(url, body, headers={"If-Match": f'"{version}"'})


def test_the_policy_of_the_mesh_is_inherited_and_versioned(api_of: Api) -> None:
    an_instance()
    admin = api_of("admin")
    assert put(admin, POLICY, 0, mode="approve_all", numbers={"mesh_out": 4}).status_code == 200
    assert put(admin, POLICY, 0, mode="auto").status_code == 412
    body = admin.get(ORDER).json()
    assert (body["mode"], body["numbers"]["mesh_out"], body["said_by"]["mode"]) == (
        "approve_all",
        4,
        "mesh",
    )
    assert admin.get(POLICY)["ETag"] == '"1"'
    assert admin.get("/api/v1/applications/none/healing-policy").status_code == 404
    assert [one["application"] for one in admin.get("/api/v1/healing-policies").json()] == [
        "",
        "order",
    ]


def test_more_power_needs_more_of_a_role(api_of: Api) -> None:
    an_instance()
    assert put(api_of("operator"), ORDER, 0, mode="approve_all").status_code == 403
    assert put(api_of("approver"), ORDER, 0, mode="approve_all").status_code == 200
    assert put(api_of("approver"), ORDER, 1, mode="auto").status_code == 403
    assert put(api_of("admin"), ORDER, 1, mode="auto").status_code == 200
    assert put(api_of("operator"), ORDER, 2, mode="observe").status_code == 200


def test_a_wrong_policy_is_said_with_its_place(api_of: Api) -> None:
    api = api_of("admin")
    answer = put(api, POLICY, 0, numbers={"mesh_out": 1000})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/numbers"
    assert api.put(POLICY, {"reason": "x"}).status_code == 428
    names = {one["name"] for one in api.get("/api/v1/healing-parameters").json()}
    assert {"cooldown_seconds", "consecutive"} <= names


def test_a_brake_is_pulled_with_the_name_typed_and_let_go_by_an_approver(api_of: Api) -> None:
    operator = api_of("operator")
    given = {"switch": "healing", "reason": "Odd."}
    refused = operator.post("/api/v1/kill-switches", given | {"confirm": "yes"})
    assert refused.json()["code"] == "confirm"
    made = operator.post("/api/v1/kill-switches", given | {"confirm": "mesh.local"})
    assert made.status_code == 201
    pk = made.json()["id"]
    (row,) = operator.get("/api/v1/kill-switches").json()["results"]
    assert row["engaged_by"] == "operator"
    release = f"/api/v1/kill-switches/{pk}/release"
    assert operator.post(release, {"reason": "x"}).status_code == 403
    assert api_of("approver").post(release, {}).status_code == 422
    assert api_of("approver").post(release, {"reason": "Well."}).status_code == 204
    assert api_of("approver").post(release, {"reason": "Well."}).status_code == 404


def test_windows_and_hours_are_made_and_ended(api_of: Api) -> None:
    an_instance()
    api, now = api_of("approver"), timezone.now()
    made = api.post(
        "/api/v1/maintenance-windows",
        {
            "scope": "instance",
            "name": "order-1",
            "begins_at": now.isoformat(),
            "ends_at": (now + timedelta(hours=1)).isoformat(),
            "reason": "New disks.",
        },
    )
    assert made.status_code == 201
    end = f"/api/v1/maintenance-windows/{made.json()['id']}/end"
    assert api.post(end, {"reason": "Done."}).status_code == 204
    assert api.get("/api/v1/maintenance-windows").json()["results"] == []
    hours = api.post(
        "/api/v1/protected-hours",
        {"weekdays": [1, 2], "begins": "09:00", "ends": "17:00", "reason": "Trade."},
    )
    assert hours.status_code == 201
    end = f"/api/v1/protected-hours/{hours.json()['id']}/end"
    assert api.post(end, {"reason": "Over."}).status_code == 204
