"""Receives connections that the kernel led here, and finds out where they were going."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from proxy.ends import reset
from proxy.inbound.standing import bare_of
from proxy.interception.original import leads_here, original_destination
from proxy.sniff import Greeter
from proxy.tcp.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.interception.routing import Interception, Towards
    from proxy.listener import Listener
    from proxy.tcp.routing import Tunnels


class Facing:
    """A listener as one intercepted connection sees it: all the same, but for the routing."""

    __slots__ = (
        "_listener", "admission", "limits", "observe", "pools", "routing", "side", "tunnels",
    )  # fmt: skip

    def __init__(self, listener: Listener, towards: Towards) -> None:
        self._listener = listener
        self.routing = self.tunnels = towards
        # What every request asks for and what never changes is at hand; the rest is asked for.
        self.admission = listener.admission
        self.limits = listener.limits
        self.observe = listener.observe
        self.pools = listener.pools
        self.side = listener.side

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


class Intercepted(asyncio.Protocol):
    """A connection for as long as nobody has asked where it was going: no time at all."""

    __slots__ = ("_interception", "_listener", "_make")

    def __init__(
        self,
        listener: Listener,
        interception: Interception,
        make: Callable[[Listener, str], asyncio.Protocol],
    ) -> None:
        self._listener = listener
        self._interception = interception
        self._make = make

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        plain = cast("asyncio.Transport", transport)
        own = transport.get_extra_info("socket")
        destination = original_destination(own)
        if destination is None or leads_here(destination, own):
            self._listener.refused("NR")
            reset(plain)
            return
        towards = self._interception.towards(destination)
        # For those who serve callers it is a listener like any other: they need what `Door` says.
        facing = cast("Listener", Facing(bare_of(self._listener), towards))
        listener = self._listener.over(facing)
        after: asyncio.Protocol
        if destination.port in self._interception.server_first:
            after = Session(listener, cast("Tunnels", listener.tunnels), waits=False)
        else:
            after = Greeter(listener, self._make)
        plain.set_protocol(after)
        after.connection_made(transport)
