"""Calls to the application that were led here: each goes to the port it was for, on loopback."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from proxy.steering.router import FixedRouter

if TYPE_CHECKING:
    from proxy.choice import Choice
    from proxy.member import Member
    from proxy.settings import HostPort

PORTS_LIMIT = 64
"""Ports of one application; calls to more are led to its main one."""


class Inward:
    """The application's ports: the one it is known by, and others that were called."""

    __slots__ = ("_choices", "_make", "_own", "server_first")

    def __init__(
        self,
        own: Choice,
        make: Callable[[int], Choice],
        server_first: tuple[int, ...],
    ) -> None:
        port = own.members[0].port
        self._own = FixedRouter(own)
        self._make = make
        self._choices: dict[int, Choice] = {port: own}
        self.server_first = frozenset(server_first)

    def towards(self, destination: HostPort) -> FixedRouter:
        """The routing of a call to that port."""
        port = destination.port
        choice = self._choices.get(port)
        if choice is None:
            if len(self._choices) >= PORTS_LIMIT:
                return self._own
            choice = self._choices[port] = self._make(port)
        return FixedRouter(choice)

    def members(self) -> Collection[Member]:
        """The application at each of its ports but the one it is known by."""
        return [member for choice in self._choices.values() for member in choice.members][1:]
