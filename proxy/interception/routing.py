"""Where an intercepted connection goes: by what it says, and else by where it was going."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from proxy.errors import Refusal
from proxy.tcp.routing import ToApplication

if TYPE_CHECKING:
    from proxy.choice import Choice
    from proxy.facing import Routing
    from proxy.http1.heads import Request
    from proxy.interception.book import AddressBook
    from proxy.interception.strangers import Strangers
    from proxy.member import Member
    from proxy.settings import HostPort


class Towards(Protocol):
    """The routing of one connection: of its requests, and of itself as a session."""

    by_name: bool

    def choose(self, request: Request, trace_id: bytes, /) -> Choice:
        """The members that may answer; raises Refusal."""

    def tunnel(self, name: str, /) -> Choice:
        """The members that may serve it; raises Refusal."""

    def adjust(self, now: float, /) -> None:
        """Called a few times a second."""


class Interception(Protocol):
    """What a listener knows about connections that were led to it."""

    server_first: frozenset[int]
    """Ports whose connections are TCP at once."""

    def towards(self, destination: HostPort, /) -> Towards:
        """The routing of a connection that was going there."""

    def members(self) -> Collection[Member]:
        """Members that no other listener sweeps."""


class Outward:
    """The application's own calls: by Host, by the name in a TLS greeting, by the endpoint that
    lives at the address; else to the address itself, unless strangers are refused."""

    __slots__ = ("book", "routing", "server_first", "strangers")

    def __init__(
        self,
        routing: Routing,
        book: AddressBook,
        strangers: Strangers | None,
        server_first: tuple[int, ...],
    ) -> None:
        self.routing = routing
        self.book = book
        self.strangers = strangers
        """None refuses them."""
        self.server_first = frozenset(server_first)

    def towards(self, destination: HostPort) -> TowardsAddress:
        """The routing of a call to that address."""
        return TowardsAddress(self, destination)

    def members(self) -> Collection[Member]:
        """The strangers that are in use."""
        return self.strangers.members() if self.strangers else ()


class TowardsAddress:
    """The routing of one intercepted call."""

    __slots__ = ("_destination", "_from")

    by_name = True

    def __init__(self, outward: Outward, destination: HostPort) -> None:
        self._from = outward
        self._destination = destination

    def choose(self, request: Request, trace_id: bytes) -> Choice:
        """By Host if it is known; else by the address, whatever the Host is."""
        routing, book, host = self._from.routing, self._from.book, request.host or b""
        if not book.is_strange(host):
            try:
                return routing.choose(request, trace_id)
            except Refusal as refusal:
                if refusal.flag != "NR":
                    raise
            book.found_strange(host)
        name = book.application_at(self._destination)
        if name is None:
            return self._stranger()
        said, request.host = request.host, name.encode()
        try:
            return routing.choose(request, trace_id)
        finally:
            request.host = said

    def tunnel(self, name: str) -> Choice:
        """By the name of a TLS greeting if it is known, else by the address."""
        book = self._from.book
        name = name.removesuffix(".mesh")
        known = name if book.knows(name) else book.application_at(self._destination)
        if known is None:
            return self._stranger()
        return ToApplication(self._from.routing, known).tunnel("")

    def adjust(self, _now: float) -> None:
        """The listener of the ordinary calls does."""

    def _stranger(self) -> Choice:
        strangers = self._from.strangers
        if strangers is None:
            raise Refusal(
                502,
                "NR",
                f"{self._destination} belongs to no application here, and calls to others are "
                "refused (--intercept-unknown).",
            )
        return strangers.at(self._destination)
