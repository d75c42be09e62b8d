"""A script's token: shown once, never above its owner, ended at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from meshconsole.access.models import ApiToken

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]


def _script(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_a_token_works_with_its_own_role(api_of: Api) -> None:
    made = api_of("operator").post("/api/v1/tokens", {"name": "ci", "role": "viewer"})
    assert made.status_code == 201
    secret = made.json()["token"]
    assert secret.startswith("mc_")
    script = _script(secret)
    assert script.get("/api/v1/me").json()["role"] == "viewer"
    assert script.post("/api/v1/units", {"name": "unit1"}).status_code == 403
    listed = api_of("operator").get("/api/v1/tokens")
    assert secret not in listed.content.decode()
    assert listed.json()["results"][0]["used_at"] is not None
    assert secret not in str(ApiToken.objects.values().get())


def test_a_token_is_never_more_than_its_owner(api_of: Api, operator: User) -> None:
    refused = api_of("operator").post("/api/v1/tokens", {"name": "ci", "role": "admin"})
    assert refused.status_code == 403
    secret = api_of("operator").post("/api/v1/tokens", {"name": "x", "role": "operator"}).json()
    operator.groups.clear()
    assert _script(secret["token"]).get("/api/v1/units").status_code == 403


def test_an_ended_token_is_a_stranger(api_of: Api, operator: User) -> None:
    api = api_of("operator")
    made = [api.post("/api/v1/tokens", {"name": str(n)}).json() for n in range(3)]
    assert api.delete(f"/api/v1/tokens/{made[0]['id']}").status_code == 204
    assert api_of("admin").delete(f"/api/v1/tokens/{made[1]['id']}").status_code == 404
    ApiToken.objects.filter(pk=made[1]["id"]).update(expires_at=timezone.now() - timedelta(days=1))
    for one in made[:2]:
        answer = _script(one["token"]).get("/api/v1/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")
        assert "Bearer" in answer["WWW-Authenticate"]
    User.objects.update(is_active=False)
    assert _script(made[2]["token"]).get("/api/v1/me").status_code == 401
