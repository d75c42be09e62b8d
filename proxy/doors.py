"""Who serves a new connection: told by the listener, or by the connection's first bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy.http1.downstream import Downstream
from proxy.listener import Listener
from proxy.sniff import Greeter


def factory(listener: Listener) -> Callable[[], asyncio.Protocol]:
    """What the event loop calls for each accepted connection."""
    interception = listener.interception
    if interception is not None:
        from proxy.interception.door import Intercepted

        return lambda: Intercepted(listener, interception, serving)
    if listener.speaks == "auto":
        return lambda: Greeter(listener, serving)
    if listener.gate is not None and listener.speaks != "tcp":
        return lambda: Greeter(listener, serving, listener.speaks)
    return lambda: serving(listener, listener.speaks)


def serve(listener: Listener) -> asyncio.Protocol:
    """Who serves one connection that sees its listener like this."""
    return factory(listener)()


def serving(listener: Listener, protocol: str) -> asyncio.Protocol:
    """The object that serves callers who speak this. What is no protocol of requests becomes a TCP
    session where the listener may have one; elsewhere it is refused as malformed HTTP."""
    if protocol == "tcp" and listener.tunnels is not None:
        from proxy.tcp.first_line import FirstLine
        from proxy.tcp.session import Session

        session = Session(listener, listener.tunnels)
        return session if listener.speaks == "tcp" else FirstLine(session)
    if protocol == "bolt":
        from proxy.bolt.codec import CODEC
        from proxy.rpc.downstream import Downstream as Framed

        return Framed(listener, CODEC)
    if protocol == "http2":
        from proxy.http2.downstream import Downstream as Http2Downstream

        return Http2Downstream(listener)
    return Downstream(listener)
