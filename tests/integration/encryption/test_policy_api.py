"""Encryption by REST: a change names its version, force is typed by an admin, previews are free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from meshconsole.encryption.authority import key_identifier
from meshconsole.encryption.keeping import authority_ensure
from meshconsole.telemetry.reader import EDGES
from tests.factories import an_instance
from tests.harness.links import calls_counted, links_said

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
PATH = "/api/v1/applications/order/encryption"
AUTHORITIES = "/api/v1/authorities"


@pytest.fixture(autouse=True)
def _order() -> None:
    EDGES.forget()
    an_instance("order-1")
    an_instance("order-2")


def put(api: APIClient, version: str = '"0"', **body: Any) -> Any:
    return api.put(PATH, body, headers={"If-Match": version})


def test_a_policy_is_set_and_read_with_its_version(api_of: Api) -> None:
    api = api_of("operator")
    first = api.get(PATH)
    assert (first["ETag"], first.json()["mode"]) == ('"0"', "plaintext")
    made = put(
        api,
        mode="permissive",
        instances={"order-2": "preferred"},
        callers=[{"app": "gateway"}],
        callers_mode="observe",
    )
    assert (made.status_code, made["ETag"]) == (200, '"1"')
    body = api.get(PATH).json()
    assert body["modes"] == {"order-1": "permissive", "order-2": "preferred"}
    assert body["callers"] == [{"app": "gateway", "unit": ""}]
    assert body["blockers"][0]["kind"] == "unknown"
    assert {one["name"] for one in body["allowed_actions"]} == {
        "preview", "encryption_set", "encryption_force",
    }  # fmt: skip


def test_a_stale_change_is_412_and_one_without_a_version_428(api_of: Api) -> None:
    api = api_of("operator")
    put(api, mode="permissive")
    stale = put(api, mode="preferred")
    assert (stale.status_code, stale.json()["code"]) == (412, "encryption_changed")
    assert stale.json()["current_state"]["mode"] == "permissive"
    assert api.put(PATH, {"mode": "preferred"}).status_code == 428


def test_strict_is_refused_and_force_is_for_an_admin_who_types_the_name(api_of: Api) -> None:
    refused = put(api_of("operator"), mode="strict")
    assert (refused.status_code, refused.json()["code"]) == (422, "strict_blocked")
    forced: dict[str, Any] = {"mode": "strict", "force": True, "confirm": "order"}
    assert put(api_of("operator"), **forced).status_code == 403
    unsure = put(api_of("admin"), mode="strict", force=True, confirm="oder")
    assert (unsure.status_code, unsure.json()["code"]) == (422, "not_confirmed")
    assert put(api_of("admin"), **forced).json()["modes"]["order-1"] == "strict"


def test_a_viewer_sees_everything_and_changes_nothing(api_of: Api) -> None:
    api = api_of("viewer")
    assert put(api, mode="permissive").status_code == 403
    assert api.get("/api/v1/encryption").json()["applications"][0]["application"] == "order"


@pytest.mark.usefixtures("mesh_redis")
def test_a_list_of_callers_is_tried_on_what_really_called(api_of: Api) -> None:
    calls_counted("gateway", "order", plain=2, encrypted=8)
    calls_counted("web", "order", encrypted=5)
    answer = api_of("viewer").post(f"{PATH}/preview", {"callers": [{"app": "gateway"}]}).json()
    assert answer["is_known"]
    assert [(one["app"], one["requests"]) for one in answer["refused"]] == [
        ("gateway", 2), ("web", 5),
    ]  # fmt: skip


@pytest.mark.usefixtures("mesh_redis")
def test_a_rotation_by_rest_waits_for_every_sidecar_and_for_the_typed_domain(api_of: Api) -> None:
    first = authority_ensure(timezone.now())
    api = api_of("admin")
    assert api_of("approver").post(AUTHORITIES).status_code == 403
    made = api.post(AUTHORITIES, {"reason": "yearly"})
    assert (made.status_code, made.json()["state"]) == (201, "trusted")
    domain = {"confirm": first.trust_domain}
    early = api.post(f"{AUTHORITIES}/2/sign", domain)
    assert (early.status_code, early.json()["code"]) == (409, "not_trusted_by_all")
    old, new = key_identifier(first.certificate), key_identifier(made.json()["certificate"])
    for name in ("order-1", "order-2"):
        links_said(name, trusts=(old, new), issuer=old)
    assert api.post(f"{AUTHORITIES}/2/sign").json()["code"] == "not_confirmed"
    assert api.post(f"{AUTHORITIES}/2/sign", domain).json()["state"] == "signing"
    assert api.post(f"{AUTHORITIES}/1/retire", domain).json()["code"] == "still_used"
    listed = api.get(AUTHORITIES).json()["results"]
    assert [(one["generation"], one["holding"]) for one in listed] == [
        (2, []), (1, ["order-1", "order-2"]),
    ]  # fmt: skip
    assert "key_sealed" not in listed[0]
    for name in ("order-1", "order-2"):
        links_said(name, trusts=(old, new), issuer=new)
    assert api.post(f"{AUTHORITIES}/1/retire", domain).json()["state"] == "retired"
