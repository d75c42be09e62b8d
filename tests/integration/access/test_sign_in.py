"""Signing in and out: a session with an end, written down, and no way in around the form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from meshconsole.access import throttle
from meshconsole.audit.models import AuditEntry
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_a_session_begins_and_ends_on_paper(client: Client, viewer: User) -> None:
    form = {"username": "viewer", "password": PASSWORD}
    answer = client.post("/login/", form)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    cookie = client.cookies["mesh_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 8 * 3600)
    assert client.get("/api/v1/me").json()["user"] == "viewer"
    assert client.post("/logout/").status_code == 302
    assert client.get("/api/v1/me").status_code == 401
    verbs = list(AuditEntry.objects.order_by("sequence").values_list("verb", "actor"))
    assert verbs == [("signed_in", "viewer"), ("signed_out", "viewer")]


def test_a_session_has_a_new_key_after_signing_in(client: Client, viewer: User) -> None:
    client.get("/login/")
    client.cookies["mesh_session"] = "chosen-by-somebody-else"
    client.post("/login/", {"username": "viewer", "password": PASSWORD})
    assert client.cookies["mesh_session"].value != "chosen-by-somebody-else"


def test_guessing_is_answered_with_a_wait(client: Client, viewer: User) -> None:
    wrong = {"username": "viewer", "password": "wrong"}
    answers = [client.post("/login/", wrong).status_code for _ in range(throttle.PER_ACCOUNT)]
    assert answers == [200] * (throttle.PER_ACCOUNT - 1) + [429]
    right = client.post("/login/", {"username": "viewer", "password": PASSWORD})
    assert right.status_code == 429


def test_nobody_is_led_to_another_site(client: Client, viewer: User) -> None:
    form = {"username": "viewer", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/login/", form)["Location"] == "/"


def test_a_form_from_another_site_is_refused(person: Callable[[str], User]) -> None:
    strict = Client(enforce_csrf_checks=True)
    person("operator")
    form = {"username": "operator", "password": PASSWORD}
    assert strict.post("/login/", form).status_code == 403
    strict.force_login(person("operator"))
    answer = strict.post("/api/v1/units", {"name": "unit1"}, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")


def test_a_signed_out_person_is_led_to_the_form_and_back(client: Client) -> None:
    answer = client.get("/applications/")
    assert answer.status_code == 302
    assert answer["Location"].endswith("/login/?next=/applications/")
