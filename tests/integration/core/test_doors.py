"""What the console says at its doors: health, headers, ids, errors of one shape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from meshconsole.asgi import application
from meshconsole.audit.services import audit_record
from tests.factories import an_instance

pytestmark = pytest.mark.django_db


def test_health_is_for_everybody_and_says_what_is_degraded(client: Client) -> None:
    assert client.get("/livez").content == b"ok\n"
    assert client.get("/readyz").status_code == 200
    parts = client.get("/readyz?verbose").json()
    assert parts == {"ready": True, "parts": {"database": "ok", "redis": "degraded"}}


def test_health_with_redis(client: Client, mesh_redis: str) -> None:
    assert client.get("/readyz?verbose").json()["parts"]["redis"] == "ok"
    assert b"meshconsole_redis_up 1.0" in client.get("/metrics").content


def test_metrics_are_read_at_scrape_time(client: Client) -> None:
    text = client.get("/metrics").content.decode()
    assert "meshconsole_redis_up 0.0" in text
    assert "meshconsole_revision 0.0" in text
    an_instance()
    audit_record(actor="me", verb="look", object="thing:1")
    text = client.get("/metrics").content.decode()
    assert 'meshconsole_instances{destination_app="order",state="serving"} 1.0' in text
    assert "meshconsole_audit_entries_total 1.0" in text


def test_every_answer_is_hardened(client: Client) -> None:
    answer = client.get("/livez", headers={"X-Request-ID": "given-id-1"})
    assert answer["X-Request-ID"] == "given-id-1"
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Referrer-Policy"] == "same-origin"
    assert client.get("/livez", headers={"X-Request-ID": "bad id"})["X-Request-ID"] != "bad id"


def test_errors_of_the_api_have_one_shape(api_of: Callable[[str], APIClient]) -> None:
    api = api_of("operator")
    answers = [
        (404, api.get("/api/v1/nowhere")),
        (404, api.get("/api/v1/applications/nobody")),
        (405, api.delete("/api/v1/applications")),
        (415, api.post("/api/v1/applications", "x", content_type="text/plain")),
        (400, api.post("/api/v1/applications", "{", content_type="application/json")),
        (422, api.post("/api/v1/applications", [1])),
        (401, APIClient().get("/api/v1/applications")),
        (403, api_of("stranger").get("/api/v1/applications")),
    ]
    for status, answer in answers:
        assert answer.status_code == status, answer.content
        assert answer["Content-Type"] == "application/problem+json"
        body = answer.json()
        assert body["status"] == status
        assert {"type", "title", "detail", "instance", "code", "errors", "request_id"} <= set(body)


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/routes/a%00b",
        "/api/v1/instances?application=%00",
        "/instances/%00/",
        "/audit/?q=%00",
    ],
)
def test_an_address_with_a_nul_is_a_400(api_of: Callable[[str], APIClient], address: str) -> None:
    assert api_of("viewer").get(address).status_code == 400


@pytest.mark.parametrize(
    "body",
    ["[" * 5000, '{"a":' * 40 + "1" + "}" * 40, '{"name": NaN}', '{"name": "\\ud800"}',
     '{"name": "a\\u0000"}', '"\\u0000"', "\xff"],
)  # fmt: skip
def test_poison_is_a_400_and_never_a_500(api_of: Callable[[str], APIClient], body: str) -> None:
    answer = api_of("operator").post(
        "/api/v1/applications", body.encode("latin-1"), content_type="application/json"
    )
    assert answer.status_code == 400, answer.content


async def _ask(*chunks: bytes, length: bytes | None = None) -> tuple[int, dict[str, object]]:
    sent: list[dict[str, object]] = []
    waiting = list(chunks)

    async def receive() -> dict[str, object]:
        if not waiting:
            await asyncio.Event().wait()
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
    if length is not None:
        headers.append((b"content-length", length))
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/applications", "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await application(scope, receive, send)
    body = b"".join(bytes(message.get("body", b"")) for message in sent)  # type: ignore[call-overload]
    return int(sent[0]["status"]), json.loads(body)  # type: ignore[call-overload]


async def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    status, body = await _ask(b"", length=b"2000000")
    assert (status, body["code"]) == (413, "too_large")


async def test_a_body_that_turns_out_too_long_is_cut_off() -> None:
    status, body = await _ask(*[b"x" * 300_000] * 5)
    assert (status, body["code"]) == (413, "too_large")


@pytest.mark.django_db(transaction=True)
async def test_a_body_of_a_usual_length_goes_through() -> None:
    status, body = await _ask(b"{}")
    assert (status, body["code"]) == (401, "not_authenticated")


def test_the_api_describes_itself_and_needs_nothing_from_outside(
    api_of: Callable[[str], APIClient], browser_of: Callable[[str], Client]
) -> None:
    schema = api_of("viewer").get("/api/v1/schema", headers={"Accept": "application/json"})
    told = json.loads(schema.content)
    assert told["openapi"].startswith("3.1")
    answers = [
        (path, method, status)
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
        if not status.isdigit()
    ]
    assert answers == []
    door = told["paths"]["/api/v1/anomaly-reports"]["post"]["requestBody"]["content"]
    assert "examples" in door["application/cloudevents-batch+json"]
    docs = browser_of("viewer").get("/api/v1/docs")
    assert docs.status_code == 200
    page = docs.content.decode()
    assert "https://" not in page.replace("https://github.com", "")
    assert "<script>" not in page
    assert "'unsafe-inline'" in docs["Content-Security-Policy"].split("style-src")[1]
