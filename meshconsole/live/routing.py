"""Where WebSockets arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from meshconsole.live.consumers import LiveConsumer
from meshconsole.live.origin import SameOrigin


def websockets(admits: Callable[[Any], bool]) -> Any:
    """The live feed behind the session, the check of the page's origin, and `admits(user)`."""
    routes = [path("ws/live/", LiveConsumer.as_asgi(admits=admits))]
    return SameOrigin(AuthMiddlewareStack(URLRouter(routes)))
