"""Routes by REST: a change names the version it changes, and answers say what is in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import an_instance

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
PATH = "/api/v1/routes/order"
HALF = {"Group_1": 50, "Group_2": 50}


@pytest.fixture(autouse=True)
def _order() -> None:
    an_instance("order-1", group="Group_1")
    an_instance("order-2", group="Group_2")


def put(api: APIClient, split: Any, version: str = '"0"', **more: Any) -> Any:
    return api.put(PATH, {"split": split} | more, headers={"If-Match": version})


def test_a_route_is_set_read_and_reverted(api_of: Api) -> None:
    api = api_of("operator")
    assert api.get(PATH).json()["version"] == 0
    made = put(api, {"Group_1": 100}, reason="begin")
    assert (made.status_code, made["ETag"]) == (200, '"1"')
    body = put(api, HALF, made["ETag"]).json()
    assert (body["version"], body["split"], body["updated_by"]) == (2, HALF, "operator")
    assert body["revision"] > made.json()["revision"]
    back = api.post(f"{PATH}/revert", {"to_version": 1}, headers={"If-Match": '"2"'})
    assert (back.status_code, back.json()["split"]) == (200, {"Group_1": 100})
    versions = api.get(f"{PATH}/versions").json()["results"]
    assert [(each["version"], each["reverts_to"]) for each in versions] == [
        (3, 1), (2, None), (1, None),
    ]  # fmt: skip


def test_a_stale_change_is_412_with_the_state_in_force(api_of: Api) -> None:
    api = api_of("operator")
    put(api, {"Group_1": 100})
    for answer in (
        put(api, HALF, '"0"'),
        api.post(f"{PATH}/revert", {"to_version": 1}, headers={"If-Match": '"7"'}),
    ):
        assert answer.status_code == 412
        problem = answer.json()
        assert problem["code"] == "route_changed"
        assert (problem["current_state"]["version"], problem["current_state"]["split"]) == (
            1, {"Group_1": 100},
        )  # fmt: skip


def test_a_change_without_a_version_is_428(api_of: Api) -> None:
    assert api_of("operator").put(PATH, {"split": HALF}).status_code == 428


@pytest.mark.parametrize(
    ("split", "code"),
    [
        ({"Group_1": 10}, "percent_sum"),
        ({"Group_1": "half", "Group_2": 50}, "percent"),
        ({"Group_1": None}, "percent"),
        ({"Group_1": [100]}, "percent"),
        ({"Group_1": True}, "percent"),
        ({"Nobody": 100}, "group_unknown"),
        ({"x" * 64: 100}, "invalid"),
        ("100", "invalid"),
        ([100], "invalid"),
        ({}, "split_empty"),
    ],
)
def test_a_wrong_split_is_422_with_its_place(api_of: Api, split: Any, code: str) -> None:
    answer = put(api_of("operator"), split)
    assert answer.status_code == 422
    assert answer.json()["code"] == code
    assert answer.json()["errors"][0]["pointer"].startswith("/split")


def test_a_viewer_may_preview_and_not_set(api_of: Api) -> None:
    api = api_of("viewer")
    preview = api.post(f"{PATH}/preview", {"split": HALF})
    assert preview.status_code == 200
    body = preview.json()
    assert body["findings"] == []
    (action,) = body["allowed_actions"]
    assert (action["name"], action["enabled"]) == ("split_set", False)
    assert put(api, HALF).status_code == 403
    actions = {each["name"]: each["enabled"] for each in api.get(PATH).json()["allowed_actions"]}
    assert actions == {"preview": True, "split_set": False, "route_revert": False}


def test_the_list_has_every_application_and_unknown_ones_are_404(api_of: Api) -> None:
    an_instance("stock-1", application="stock")
    api = api_of("viewer")
    rows = api.get("/api/v1/routes").json()["results"]
    assert [(row["application"], row["version"]) for row in rows] == [("order", 0), ("stock", 0)]
    for path in ("/api/v1/routes/nobody", "/api/v1/routes/nobody/versions"):
        assert api.get(path).status_code == 404
    assert api.post("/api/v1/routes/nobody/preview", {"split": HALF}).status_code == 404


def test_strangers_see_nothing(api_of: Api) -> None:
    assert api_of("stranger").get(PATH).status_code == 403
    assert APIClient().get(PATH).status_code in (401, 403)
