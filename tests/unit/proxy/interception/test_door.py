"""Towards an intercepted connection a listener is itself, but for its routing."""

from __future__ import annotations

from typing import cast

from proxy.assembly import fixed
from proxy.failures import Unheard
from proxy.interception.door import Facing
from proxy.interception.routing import Towards
from proxy.listener import Listener
from proxy.pools import Pools
from proxy.settings import HostPort, Limits
from proxy.steering.router import FixedRouter
from proxy.windows import Windows


def test_what_a_request_counts_is_counted_by_the_listener_itself() -> None:
    choice = fixed("stock", (HostPort("127.0.0.1", 1),))
    limits = Limits()
    listener = Listener(
        name="outbound",
        side="out",
        routing=FixedRouter(choice),
        members=lambda: choice.members,
        pools=Pools(limits),
        windows=Windows(),
        failures=Unheard(),
        access_log=None,
        limits=limits,
    )
    towards = cast("Towards", FixedRouter(choice))
    facing = Facing(listener, towards)
    facing.retry_refused()
    facing.refused("UO")
    assert (listener.retries_refused, listener.refusals) == (1, {"UO": 1})
    assert facing.routing is towards
    assert facing.draining is False
    listener.draining = True
    assert facing.draining is True
