"""Bodies are cut off before Django reads them, which would spool any size to disk."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class BodyTooLarge(Exception):
    """The client sent more than it may."""


class BodyLimit:
    """Answers 413 as soon as a request says, or turns out, to be longer than the limit."""

    def __init__(self, application: Application, limit_bytes: int) -> None:
        self.application = application
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        if self._announced(scope) > self.limit_bytes:
            await self._refuse(send)
            return
        seen = 0
        begun = False

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit_bytes:
                raise BodyTooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.application(scope, bounded, watched)
        except BodyTooLarge:
            if not begun:
                await self._refuse(send)

    def _announced(self, scope: MutableMapping[str, Any]) -> int:
        for name, value in scope.get("headers", ()):
            if name == b"content-length" and value.isdigit() and len(value) < 20:
                return int(value)
        return 0

    async def _refuse(self, send: Send) -> None:
        body = json.dumps(
            {
                "type": "urn:meshconsole:problem:too_large",
                "title": "Content Too Large",
                "status": 413,
                "detail": f"A request has at most {self.limit_bytes} bytes; send it in parts.",
                "code": "too_large",
                "errors": [],
            }
        ).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
