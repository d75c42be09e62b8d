"""Bodies are cut off before Django reads them, which would spool any size to disk."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


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
        begun = refused = False

        async def bounded() -> Message:
            nonlocal seen, refused
            message = await receive()
            seen += len(message.get("body", b""))
            if seen <= self.limit_bytes:
                return message
            refused = True
            if not begun:
                await self._refuse(send)
            # For the application the client has left: it lets go of what it has spooled.
            return {"type": "http.disconnect"}

        async def watched(message: Message) -> None:
            nonlocal begun
            if not refused:
                begun = True
                await send(message)

        await self.application(scope, bounded, watched)

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
