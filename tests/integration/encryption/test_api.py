"""Join tokens and certificates over REST, by role."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from rest_framework.test import APIClient

from meshconsole.encryption.issuance import enrol
from meshconsole.encryption.models import JoinToken
from tests.factories import a_node
from tests.harness.requests import PrivateKey, a_csr

pytestmark = pytest.mark.django_db
ApiOf = Callable[[str], APIClient]
ORDER = {"application": "order", "unit": "unit1"}


def a_key() -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return ed25519.Ed25519PrivateKey.generate()


def test_an_admin_makes_a_token_that_works_and_is_not_cached(api_of: ApiOf) -> None:
    answer = api_of("admin").post("/api/v1/join-tokens", ORDER | {"instance": "order-1"})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    issued = enrol(
        token=answer.data["token"],
        csr_pem=a_csr(a_key()),
        claimed=a_node(),
        now=datetime.now(UTC),
    )
    assert issued.uri.endswith("/order-1")
    assert JoinToken.objects.get().created_by == "admin"


@pytest.mark.parametrize("role", ["stranger", "viewer", "operator", "approver"])
def test_nobody_else_makes_a_token(api_of: ApiOf, role: str) -> None:
    assert api_of(role).post("/api/v1/join-tokens", ORDER).status_code == 403
    assert JoinToken.objects.count() == 0


@pytest.mark.parametrize(
    "wrong",
    [{"ttl_seconds": 601}, {"ttl_seconds": 0}, {"application": "a/b"}, {"unit": ""}, {"unit": "é"}],
)
def test_a_wrong_wish_is_a_problem_with_its_place(api_of: ApiOf, wrong: dict[str, object]) -> None:
    answer = api_of("admin").post("/api/v1/join-tokens", ORDER | wrong)
    assert answer.status_code == 422
    (name,) = wrong
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"/{name}"]


def test_the_issuance_log_is_read_by_viewers_newest_first(api_of: ApiOf) -> None:
    for name in ("order-1", "order-2"):
        token = api_of("admin").post("/api/v1/join-tokens", ORDER).data["token"]
        now = datetime.now(UTC)
        enrol(token=token, csr_pem=a_csr(a_key()), claimed=a_node(name), now=now)
    rows = api_of("viewer").get("/api/v1/certificates").json()["results"]
    assert [row["uri"].rpartition("/")[2] for row in rows] == ["order-2", "order-1"]
    (only,) = (
        api_of("viewer").get("/api/v1/certificates", {"uri": rows[1]["uri"]}).json()["results"]
    )
    assert only["serial"] == rows[1]["serial"]
    assert api_of("stranger").get("/api/v1/certificates").status_code == 403


def test_no_key_and_no_secret_is_in_any_answer(api_of: ApiOf) -> None:
    token = api_of("admin").post("/api/v1/join-tokens", ORDER).data["token"]
    text = api_of("admin").get("/api/v1/certificates").content.decode()
    audit = api_of("admin").get("/api/v1/audit").content.decode()
    secret = token.removeprefix("mcj_").split(".")[0]
    assert secret not in text + audit
    assert "PRIVATE" not in text + audit
