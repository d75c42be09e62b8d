"""A WebSocket is opened by our own pages only: the Origin must be the Host it came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

Door = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class SameOrigin:
    """Refuses a handshake from another site, without an Origin, or to a foreign Host."""

    def __init__(self, application: Door) -> None:
        self.application = application

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope.get("headers", ())}
        origin, host = headers.get(b"origin", ""), headers.get(b"host", "")
        door = self.application if is_ours(origin, host) else WebsocketDenier()
        await door(scope, receive, send)


def is_ours(origin: str, host: str) -> bool:
    """Does the origin name this console, by the host of the request or by a trusted origin?"""
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    return parts.netloc.lower() == host.lower() or origin in settings.CSRF_TRUSTED_ORIGINS
