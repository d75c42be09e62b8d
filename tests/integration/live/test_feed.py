"""A browser hears what is committed, in order, also what it missed, and only while signed in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client
from django.utils import timezone

from meshconsole.asgi import application
from meshconsole.core import redis
from meshconsole.live import hub as hub_module, selectors, watching
from meshconsole.live.models import LiveEvent
from meshconsole.live.publish import publish_on_commit
from meshconsole.live.selectors import events_since
from meshconsole.live.services import events_prune

pytestmark = pytest.mark.django_db(transaction=True)
ORIGIN = (b"origin", b"http://testserver")
publish = database_sync_to_async(publish_on_commit)


def _cookie(person: Callable[[str], User], role: str) -> bytes:
    client = Client()
    client.force_login(person(role))
    return f"mesh_session={client.cookies['mesh_session'].value}".encode()


@asynccontextmanager
async def _browser(
    cookie: bytes, query: str = "", origin: tuple[bytes, bytes] = ORIGIN
) -> AsyncIterator[WebsocketCommunicator]:
    headers = [(b"host", b"testserver"), (b"cookie", cookie), origin]
    page = WebsocketCommunicator(application, f"/ws/live/?{query}", headers=headers)
    try:
        yield page
    finally:
        await page.disconnect()
        await redis.async_close()


async def _frame(page: WebsocketCommunicator) -> dict[str, Any]:
    return dict(json.loads(await page.receive_from(timeout=8)))


async def test_what_was_missed_comes_first_then_what_happens(
    mesh_redis: str, person: Callable[[str], User]
) -> None:
    cookie = await database_sync_to_async(_cookie)(person, "viewer")
    missed = await publish(topic="routes", kind="changed", ref="order")
    async with _browser(cookie, "since=0&topics=routes") as page:
        assert (await page.connect())[0]
        first = await _frame(page)
        assert (first["id"], first["topic"], first["ref"]) == (missed.pk, "routes", "order")
        ready = await _frame(page)
        assert (ready["type"], ready["cursor"]) == ("ready", missed.pk)
        await publish(topic="instances", kind="registered", ref="order-1")
        later = await publish(topic="routes", kind="changed", ref="stock", data={"v": 2})
        assert (await _frame(page))["id"] == later.pk


async def test_a_rolled_back_change_is_never_heard(
    mesh_redis: str, person: Callable[[str], User]
) -> None:
    def change(keep: bool) -> None:
        with transaction.atomic():
            publish_on_commit(topic="routes", kind="changed", ref=str(keep))
            transaction.set_rollback(not keep)

    cookie = await database_sync_to_async(_cookie)(person, "viewer")
    async with _browser(cookie) as page:
        assert (await page.connect())[0]
        assert (await _frame(page))["type"] == "ready"
        await database_sync_to_async(change)(keep=False)
        await database_sync_to_async(change)(keep=True)
        assert (await _frame(page))["ref"] == "True"


async def test_a_figure_of_every_page_is_told_when_it_looks_different(
    mesh_redis: str, person: Callable[[str], User], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ["42%"]
    monkeypatch.setitem(watching._LOOKS, "share", lambda: shown[0])
    cookie = await database_sync_to_async(_cookie)(person, "viewer")
    async with _browser(cookie, "topics=share") as page:
        assert (await page.connect())[0]
        assert (await _frame(page))["type"] == "ready"
        assert (await _frame(page))["topic"] == "share"
        shown[0] = "43%"
        told = await _frame(page)
        assert (told["topic"], told["kind"], told["id"]) == ("share", "changed", 0)
        assert await page.receive_nothing(timeout=0.1)


async def test_without_redis_the_feed_is_only_slower(person: Callable[[str], User]) -> None:
    cookie = await database_sync_to_async(_cookie)(person, "viewer")
    async with _browser(cookie) as page:
        assert (await page.connect())[0]
        assert (await _frame(page))["type"] == "ready"
        event = await publish(topic="routes", kind="changed", ref="order")
        assert (await _frame(page))["id"] == event.pk
        assert hub_module.hub().degraded


async def test_too_much_missed_asks_for_a_reload(
    person: Callable[[str], User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "BATCH_LIMIT", 3)
    cookie = await database_sync_to_async(_cookie)(person, "viewer")
    for n in range(4):
        await publish(topic="routes", kind="changed", ref=str(n))
    event = await publish(topic="routes", kind="changed", ref="last")
    async with _browser(cookie, "since=0") as page:
        assert (await page.connect())[0]
        assert await _frame(page) == {"type": "reset", "cursor": event.pk}
        assert (await _frame(page))["type"] == "ready"


@pytest.mark.parametrize(
    "origin",
    [(b"origin", b"http://evil.example"), (b"x-none", b""), (b"origin", b"null")],
)
async def test_another_site_is_not_let_in(
    person: Callable[[str], User], origin: tuple[bytes, bytes]
) -> None:
    cookie = await database_sync_to_async(_cookie)(person, "viewer")
    async with _browser(cookie, origin=origin) as page:
        assert not (await page.connect())[0]


@pytest.mark.parametrize("role", ["nobody", "stranger"])
async def test_whoever_may_not_look_is_told_to_sign_in(
    person: Callable[[str], User], role: str
) -> None:
    cookie = b"mesh_session=made-up"
    if role == "stranger":
        cookie = await database_sync_to_async(_cookie)(person, role)
    async with _browser(cookie) as page:
        await page.connect()
        assert (await page.receive_output(timeout=5))["code"] == 4401


async def test_signing_out_closes_the_feed(person: Callable[[str], User]) -> None:
    cookie = await database_sync_to_async(_cookie)(person, "viewer")
    async with _browser(cookie) as page:
        assert (await page.connect())[0]
        await _frame(page)
        await database_sync_to_async(Session.objects.all().delete)()
        closed = await page.receive_output(timeout=8)
        assert (closed["type"], closed["code"]) == ("websocket.close", 4401)


async def test_a_browser_that_does_not_keep_up_is_sent_away() -> None:
    listener = hub_module.Listener("key", 1, frozenset())
    listener.frames = asyncio.Queue(maxsize=2)
    for n in range(3):
        listener.offer(
            {"id": n, "topic": "t", "kind": "k", "ref": "", "data": {}, "at": "2026-01-01"}
        )
    assert listener.slow
    left = [listener.frames.get_nowait() for _ in range(listener.frames.qsize())]
    assert left[-1] is None


def test_an_id_that_was_committed_late_is_sent_again() -> None:
    ids = [publish_on_commit(topic="t", kind="k", ref=str(n)).pk for n in range(3)]
    found = events_since(ids[-1])
    assert [one["id"] for one in found.frames] == ids
    assert found.cursor == ids[-1]


def test_pruned_and_unknown_cursors_ask_for_a_reload() -> None:
    old = publish_on_commit(topic="t", kind="k", ref="old")
    LiveEvent.objects.update(at=timezone.now() - timedelta(days=2))
    new = publish_on_commit(topic="t", kind="k", ref="new")
    assert events_prune(timezone.now()) == 1
    assert not events_since(old.pk).reset
    publish_on_commit(topic="t", kind="k", ref="newer")
    LiveEvent.objects.filter(pk=new.pk).delete()
    assert events_since(old.pk).reset
    assert events_since(new.pk + 1000).reset


def test_a_large_event_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 3000"):
        publish_on_commit(topic="t", kind="k", ref="", data={"body": "x" * 4000})


def test_the_feed_can_be_asked_by_rest(api_of: Callable[[str], Any]) -> None:
    api = api_of("viewer")
    assert api.get("/api/v1/events").json() == {"results": [], "cursor": 0, "reset": False}
    event = publish_on_commit(topic="routes", kind="changed", ref="order")
    publish_on_commit(topic="other", kind="changed", ref="order")
    got = api.get("/api/v1/events?since=0&topics=routes").json()
    assert [one["id"] for one in got["results"]] == [event.pk]
    assert got["cursor"] == event.pk + 1
    assert api.get("/api/v1/events?since=x").status_code == 422
