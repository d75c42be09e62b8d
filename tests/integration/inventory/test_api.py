"""The inventory over REST: versions decide between two who edit at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from meshconsole.audit.models import AuditEntry
from meshconsole.core import revision
from meshconsole.inventory.models import Application
from tests.factories import an_application, an_instance

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
BASE = "/api/v1"


def test_an_application_is_made_read_and_changed(api_of: Api) -> None:
    api = api_of("operator")
    made = api.post(f"{BASE}/applications", {"name": "order", "groups": ["Group_1", "Group_2"]})
    assert made.status_code == 201
    assert made.json()["groups"] == ["Group_1", "Group_2"]
    read = api.get(f"{BASE}/applications/order")
    assert read["ETag"] == '"1"'
    changed = api.patch(
        f"{BASE}/applications/order", {"tier": "critical"}, headers={"If-Match": read["ETag"]}
    )
    assert changed.status_code == 200
    assert (changed.json()["tier"], changed["ETag"]) == ("critical", '"2"')
    assert revision.current() == 2
    entry = AuditEntry.objects.order_by("-sequence")[0]
    assert (entry.verb, entry.actor) == ("application_changed", "operator")
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["tier"], entry.after["tier"]) == ("standard", "critical")


def test_how_callers_choose_and_try_is_set_and_shown(api_of: Api) -> None:
    an_application("order")
    api, url = api_of("operator"), f"{BASE}/applications/order"
    given = {
        "balancer": "ring_hash",
        "hash_on": "cookie:sid",
        "locality": "prefer",
        "slow_start_seconds": 30.0,
        "protocol": "http1",
        "retries": 0,
        "retry_on": [504, 502, 504],
        "try_timeout_seconds": 0.5,
    }
    answer = api.patch(url, given, headers={"If-Match": "*"})
    assert answer.status_code == 200
    shown = answer.json()
    assert {name: shown[name] for name in given} == given | {"retry_on": [502, 504]}
    for wrong in ({"hash_on": "x"}, {"retry_on": [500]}, {"retries": 11}, {"locality": "near"}):
        refused = api.patch(url, wrong, headers={"If-Match": "*"})
        assert refused.status_code == 422, refused.json()


def test_of_two_who_edit_at_once_the_second_gets_the_present_state(api_of: Api) -> None:
    an_application("order")
    first, second = api_of("operator"), api_of("admin")
    tag = first.get(f"{BASE}/applications/order")["ETag"]
    url, headers = f"{BASE}/applications/order", {"If-Match": tag}
    assert first.patch(url, {"tier": "critical"}, headers=headers).status_code == 200
    late = second.patch(url, {"balancer": "least_request"}, headers=headers)
    assert late.status_code == 412
    assert late["Content-Type"] == "application/problem+json"
    body = late.json()
    assert body["code"] == "precondition_failed"
    assert body["current_state"]["tier"] == "critical"
    assert body["current_state"]["version"] == 2
    assert body["request_id"] == late["X-Request-ID"]
    assert Application.objects.get().balancer == "round_robin"


def test_a_change_without_a_version_is_asked_for_one(api_of: Api) -> None:
    an_application("order")
    for method in ("put", "patch"):
        answer = getattr(api_of("operator"), method)(f"{BASE}/applications/order", {"tier": "x"})
        assert (answer.status_code, answer.json()["code"]) == (428, "precondition_required")


def test_the_same_again_changes_nothing(api_of: Api) -> None:
    an_application("order")
    answer = api_of("operator").patch(
        f"{BASE}/applications/order", {"tier": "standard"}, headers={"If-Match": "*"}
    )
    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert revision.current() == 0


def test_a_name_twice_is_a_conflict(api_of: Api) -> None:
    an_application("order")
    answer = api_of("operator").post(f"{BASE}/applications", {"name": "order"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": "-bad-"}, "/name"),
        ({"name": "o k"}, "/name"),
        ({"name": "ok", "tier": "gold"}, "/tier"),
        ({"name": "ok", "connect_timeout_seconds": 0}, "/connect_timeout_seconds"),
        ({"name": "ok", "groups": ["fine", "not fine"]}, "/groups/1"),
        ({"name": "ok", "labels": {"a": {"b": 1}}}, "/labels/a"),
    ],
)
def test_wrong_input_is_pointed_at(api_of: Api, body: dict[str, object], pointer: str) -> None:
    answer = api_of("operator").post(f"{BASE}/applications", body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


def test_units_and_groups_and_interfaces(api_of: Api) -> None:
    api = api_of("operator")
    assert api.post(f"{BASE}/units", {"name": "unit1", "kind": "region"}).status_code == 201
    an_application("order")
    made = api.post(f"{BASE}/groups", {"application": "order", "name": "Group_1"})
    assert made.status_code == 201
    assert (
        api.post(f"{BASE}/groups", {"application": "order", "name": "Group_1"}).status_code == 409
    )
    missing = api.post(f"{BASE}/groups", {"application": "nobody", "name": "Group_1"})
    assert missing.status_code == 404
    assert len(api.get(f"{BASE}/groups?application=order").json()["results"]) == 1
    assert api.get(f"{BASE}/interfaces").json()["results"] == []
    unit = api.patch(f"{BASE}/units/unit1", {"kind": "logical"}, headers={"If-Match": '"1"'})
    assert (unit.status_code, unit.json()["kind"]) == (200, "logical")


def test_an_instance_is_drained_and_restored(api_of: Api) -> None:
    an_instance("order-1")
    api = api_of("operator")
    drained = api.post(f"{BASE}/instances/order-1/drain", {"reason": "disk"})
    assert (drained.status_code, drained.json()["state"]) == (200, "draining")
    actions = {one["name"]: one for one in drained.json()["allowed_actions"]}
    assert actions["instance_drain"]["reason"] == "The instance is draining."
    assert actions["instance_restore"]["enabled"] is True
    again = api.post(f"{BASE}/instances/order-1/drain", {})
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")
    assert api.post(f"{BASE}/instances/order-1/restore", {}).json()["state"] == "serving"
    assert revision.current() == 2


def test_only_an_imported_instance_is_taken_out_by_hand(api_of: Api) -> None:
    an_instance("order-1")
    an_instance("legacy-1", source="import")
    api = api_of("operator")
    assert api.delete(f"{BASE}/instances/order-1").status_code == 409
    assert api.delete(f"{BASE}/instances/legacy-1").status_code == 204
    assert api.get(f"{BASE}/instances/legacy-1").json()["state"] == "gone"
    listed = api.get(f"{BASE}/instances").json()["results"]
    assert [one["id"] for one in listed] == ["order-1"]
    assert len(api.get(f"{BASE}/instances?gone=1").json()["results"]) == 2


def test_a_thousand_instances_are_read_in_pages_with_few_queries(
    api_of: Api, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    for n in range(30):
        an_instance(f"order-{n:03}", group=f"Group_{n % 2}")
    api = api_of("viewer")
    seen: list[str] = []
    url = f"{BASE}/instances?page_size=10"
    while url:
        with django_assert_max_num_queries(6):  # type: ignore[attr-defined]
            page = api.get(url).json()
        seen += [one["id"] for one in page["results"]]
        url = page["next"]
    assert seen == [f"order-{n:03}" for n in range(30)]


def test_progress_without_redis_is_a_503_problem(api_of: Api) -> None:
    answer = api_of("viewer").get(f"{BASE}/progress")
    assert (answer.status_code, answer.json()["code"]) == (503, "degraded")
