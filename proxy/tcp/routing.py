"""Which members a TCP session may go to: there is no request to read, only a name at best."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

from proxy.http1.heads import parse_request

if TYPE_CHECKING:
    from proxy.current import Choice
    from proxy.facing import Routing


class Tunnels(Protocol):
    """Says where sessions go."""

    by_name: bool
    """Does the name in a TLS greeting decide? Then a session waits for it before it dials."""

    def tunnel(self, name: str, /) -> Choice:
        """The members to pick from, by the name asked for, if any; raises Refusal."""


class ToApplication:
    """Every session goes to one application of the snapshot, by its rules.

    Each session draws its bucket of a split anew: there is no header to be sticky by.
    """

    by_name = False

    def __init__(self, routing: Routing, name: str) -> None:
        self._routing = routing
        self._request = parse_request(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % name.encode())

    def tunnel(self, _name: str) -> Choice:
        """What the router says of a request to the application."""
        return self._routing.choose(self._request, b"%032x" % random.getrandbits(128))
