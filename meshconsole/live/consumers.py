"""One WebSocket per browser: what it missed, then what happens, by cursor.

Client: `/ws/live/?topics=a,b&since=N`. Frames: `{"id", "topic", "kind", "ref", "data", "at"}`;
`{"type": "ready", "cursor": N, "degraded": bool}` after the catch-up and as heartbeat;
`{"type": "reset", "cursor": N}` when too much was missed. Ids may come twice; drop known ones.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from meshconsole.live.hub import Listener, hub
from meshconsole.live.selectors import CatchUp, cursor_now, events_since
from proxy.aio import cancelled, spawn

HEARTBEAT_SECONDS = 15.0
INBOUND_LIMIT = 16 * 1024
SIGNED_OUT, TOO_LARGE, TOO_SLOW = 4401, 4413, 4408


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends; what a browser says is ignored."""

    def __init__(self, *, admits: Callable[[Any], bool]) -> None:
        """`admits` says whether a user may listen; rooms above know the roles."""
        super().__init__()
        self.admits = admits
        self.listener: Listener | None = None
        self.sender: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Accept a signed-in person with a role; others are told to sign in."""
        user, session = self.scope["user"], self.scope["session"]
        allowed = await database_sync_to_async(self.admits)(user)
        await self.accept()
        if not allowed or not session.session_key:
            await self.close(code=SIGNED_OUT)
            return
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        topics = frozenset(filter(None, query.get("topics", [""])[0].split(",")))
        self.listener = Listener(session.session_key, user.pk, topics)
        await hub().join(self.listener)
        missed = await self._missed(query.get("since", [""])[0], topics)
        self.sender = spawn(self._send_on(self.listener, missed), name="live-sender")

    async def disconnect(self, code: int) -> None:
        """Stop listening."""
        await cancelled(self.sender)
        if self.listener is not None:
            await hub().part(self.listener)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected; more than 16 KiB ends the connection."""
        if len(text_data or bytes_data or "") > INBOUND_LIMIT:
            await self.close(code=TOO_LARGE)

    async def _missed(self, since: str, topics: frozenset[str]) -> CatchUp:
        if not (since.isascii() and since.isdigit() and len(since) < 19):
            return CatchUp([], await database_sync_to_async(cursor_now)())
        missed: CatchUp = await database_sync_to_async(events_since)(int(since), topics)
        return missed

    async def _send_on(self, listener: Listener, missed: CatchUp) -> None:
        sent = {given["id"] for given in missed.frames}
        for given in missed.frames:
            await self._frame(given)
        if missed.reset:
            await self._frame({"type": "reset", "cursor": missed.cursor})
        cursor = missed.cursor
        await self._ready(cursor)
        while True:
            try:
                given_or_end = await asyncio.wait_for(listener.frames.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                await self._ready(cursor)
                continue
            if given_or_end is None:
                await self.close(code=TOO_SLOW if listener.slow else SIGNED_OUT)
                return
            cursor = max(cursor, given_or_end["id"])
            if given_or_end["id"] not in sent:
                await self._frame(given_or_end)

    async def _ready(self, cursor: int) -> None:
        await self._frame({"type": "ready", "cursor": cursor, "degraded": hub().degraded})

    async def _frame(self, value: Any) -> None:
        await self.send(text_data=json.dumps(value, default=str, separators=(",", ":")))
