"""A listener as one caller's connection sees it who does not, or no longer, belong there.

Most connections see their listener itself, and pay nothing. One that is to end politely sees a
listener that drains; one whose caller is not allowed sees a routing that refuses. Both can happen
to a connection in the middle of its life, between two of its requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from proxy.errors import Refusal

if TYPE_CHECKING:
    from proxy.choice import Choice
    from proxy.facing import CallerConnection, Door, Routing
    from proxy.http1.heads import Request
    from proxy.listener import Listener
    from proxy.tcp.routing import Tunnels

Objection = Callable[[], Refusal | None]
"""Counts a request of somebody who is not allowed; the refusal, unless that is only observed."""


class Standing:
    """Everything is the listener's, but for what stands here."""

    __slots__ = (
        "_objection", "admission", "bare", "denies", "leaves", "limits", "observe", "pools",
        "routing", "side", "tunnels",
    )  # fmt: skip

    def __init__(
        self, bare: Listener, *, leaves: bool, objection: Objection | None, denies: bool
    ) -> None:
        self.bare = bare
        """The listener that is seen when nothing stands against it."""
        self.leaves = leaves
        """Does the connection end as soon as nothing is in flight on it?"""
        self.denies = denies
        """Is nothing served on it?"""
        self._objection = objection
        self.admission = bare.admission
        self.limits = bare.limits
        self.observe = bare.observe
        self.pools = bare.pools
        self.side = bare.side
        self.routing: Any = bare.routing
        self.tunnels: Any = bare.tunnels
        if objection is not None:
            self.routing = Judged(bare.routing, objection)
            if bare.tunnels is not None:
                self.tunnels = JudgedTunnels(bare.tunnels, objection, denies)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)

    @property
    def draining(self) -> bool:
        """Does every answer end its connection?"""
        return self.leaves or self.bare.draining

    def joined(self, caller: CallerConnection) -> bool:
        """A connection was accepted; False when there are too many."""
        joined = self.bare.joined(caller)
        if joined and self.leaves:
            self.bare.leaving.add(caller)
        return joined

    def over(self, bare: Listener) -> Listener:
        """The same towards a listener as an intercepted connection sees it."""
        return standing(bare, leaves=self.leaves, objection=self._objection, denies=self.denies)


class Judged:
    """A routing that has an objection to each request."""

    __slots__ = ("_objection", "_routing")

    def __init__(self, routing: Routing, objection: Objection) -> None:
        self._routing = routing
        self._objection = objection

    def choose(self, request: Request, trace_id: bytes) -> Choice:
        """The members that may answer, if the objection is only noted."""
        refusal = self._objection()
        if refusal is not None:
            raise refusal
        return self._routing.choose(request, trace_id)

    def adjust(self, _now: float) -> None:
        """The listener's own routing is told."""


class JudgedTunnels:
    """The same for sessions. Nobody waits for a name who is refused."""

    __slots__ = ("_objection", "_tunnels", "by_name")

    def __init__(self, tunnels: Tunnels, objection: Objection, denies: bool) -> None:
        self._tunnels = tunnels
        self._objection = objection
        self.by_name = tunnels.by_name and not denies

    def tunnel(self, name: str) -> Choice:
        """The members to pick from, if the objection is only noted."""
        refusal = self._objection()
        if refusal is not None:
            raise refusal
        return self._tunnels.tunnel(name)


def standing(
    bare: Listener, *, leaves: bool, objection: Objection | None, denies: bool
) -> Listener:
    """The listener as a connection sees it that leaves, or that there is an objection to."""
    return cast("Listener", Standing(bare, leaves=leaves, objection=objection, denies=denies))


def bare_of(listener: Door) -> Listener:
    """The listener with nothing against it."""
    seen: object = listener
    return seen.bare if isinstance(seen, Standing) else cast("Listener", listener)
