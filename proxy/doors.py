"""Who serves a new connection: told by the listener, or by the connection's first bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy.http1.downstream import Downstream
from proxy.listener import Listener
from proxy.sniff import Greeter


def factory(listener: Listener) -> Callable[[], asyncio.Protocol]:
    """What the event loop calls for each accepted connection."""
    if listener.speaks == "auto":
        return lambda: Greeter(listener, serving)
    return lambda: serving(listener, listener.speaks)


def serving(listener: Listener, _protocol: str) -> asyncio.Protocol:
    """The object that serves callers who speak this."""
    return Downstream(listener)
