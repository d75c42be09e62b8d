"""Channels by page and REST: secrets go in and never come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.test import APIClient

from meshconsole.healing.notices.models import Notice, NoticeChannel

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
Browser = Callable[[str], "Client"]
KEY = "a key of many characters"
HOOK = {
    "name": "pager",
    "kind": "webhook",
    "target": "https://hooks.example.com/in",
    "secret": KEY,
    "reason": "Agreed.",
}


def test_a_channel_by_rest_shows_no_secret(api_of: Api) -> None:
    assert api_of("approver").post("/api/v1/notice-channels", HOOK).status_code == 403
    api = api_of("admin")
    made = api.post("/api/v1/notice-channels", HOOK)
    assert made.status_code == 201
    pk = made.json()["id"]
    url = f"/api/v1/notice-channels/{pk}"
    changed = api.put(url, HOOK | {"secret": "", "is_enabled": False})
    assert changed.json()["has_secret"]
    assert not changed.json()["is_enabled"]
    told = [made.content, changed.content, api.get("/api/v1/notice-channels").content]
    assert not any(KEY.encode() in one for one in told)
    assert api.post(f"{url}/test").status_code == 202
    (row,) = api.get("/api/v1/notices", {"channel": "pager"}).json()["results"]
    assert (row["state"], row["kind"]) == ("pending", "test")
    assert api.post(f"{url}/remove", {"reason": "Gone."}).status_code == 204
    assert api.post(f"{url}/test").status_code == 404


def test_the_page_keeps_channels_and_shows_the_log(browser_of: Browser) -> None:
    client = browser_of("admin")
    assert "Nobody is told" in client.get("/notices/").content.decode()
    form: dict[str, Any] = HOOK | {"is_enabled": "on"}
    wrong = client.post("/notices/channels/", form | {"target": "http://hooks.example.com/"})
    assert wrong.status_code == 422
    assert "begins with https://" in wrong.content.decode()
    client.post("/notices/channels/", form)
    row = NoticeChannel.objects.get()
    client.post(f"/notices/channels/{row.pk}/test/")
    assert Notice.objects.get().kind == "test"
    html = client.get("/notices/").content.decode()
    assert "secret is sealed" in html
    assert KEY not in html
    assert "hooks.example.com/in" not in html
    assert "Test from the mesh" in html
    client.post(f"/notices/channels/{row.pk}/", form | {"secret": "", "name": "night"})
    assert NoticeChannel.objects.get().name == "night"
    client.post(f"/notices/channels/{row.pk}/remove/", {"reason": "Gone."})
    assert NoticeChannel.objects.count() == 0
