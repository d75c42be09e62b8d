"""What callers' connections and their listener need of each other, and both of whoever routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.choice import Choice
    from proxy.encryption.peers import Peer
    from proxy.errors import Refusal
    from proxy.failures import Failures
    from proxy.flags import Flag
    from proxy.http1.heads import Request
    from proxy.limiting.admission import Admission
    from proxy.links.account import Account
    from proxy.listener import Listener
    from proxy.pools import Pools
    from proxy.relay import Exchange
    from proxy.settings import Limits
    from proxy.windows import Side


class Routing(Protocol):
    """Says which members may answer."""

    def choose(self, request: Request, trace_id: bytes, /) -> Choice:
        """The members to pick from; raises Refusal."""

    def adjust(self, now: float, /) -> None:
        """Called a few times a second: shares that change with time are given anew."""


class CallerConnection(Protocol):
    """A caller's connection as its listener keeps it."""

    encrypted: bool
    peer: Peer | None
    """Who calls, as its certificate says."""

    @property
    def listener(self) -> Door:
        """The listener as this connection sees it."""

    def turn_to(self, listener: Listener, /) -> None:
        """See the listener like this from now on."""

    @property
    def account(self) -> Account | None:
        """Where its requests are counted, if it is of the mesh."""

    @property
    def under_way(self) -> int:
        """Requests, streams or sessions on it that are not over."""

    def sweep(self, now: float, draining: bool, /) -> None:
        """Called a few times a second: is something overdue?"""

    def abort(self) -> None:
        """End it now."""


class Door(Protocol):
    """What one caller and its requests need of a listener: itself, or what stands for it towards a
    connection that was going somewhere else (`proxy.interception`)."""

    @property
    def admission(self) -> Admission:
        """The gate."""

    @property
    def draining(self) -> bool:
        """Does every answer end its connection?"""

    @property
    def failures(self) -> Failures:
        """Who hears of failed attempts."""

    @property
    def limits(self) -> Limits:
        """What everybody may have."""

    @property
    def pools(self) -> Pools:
        """Connections to endpoints."""

    @property
    def routing(self) -> Routing:
        """Who may answer."""

    @property
    def lost(self) -> Flag:
        """Why a caller's connection is no more, unless it says so itself."""

    @property
    def side(self) -> Side:
        """Whom it faces."""

    def account_of(self, caller: CallerConnection, protocol: str, /) -> Account | None:
        """Where a caller's connection is counted from now on."""

    def joined(self, caller: CallerConnection, /) -> bool:
        """A connection was accepted; False when there are too many."""

    def left(self, caller: CallerConnection, error: Exception | None = None, /) -> None:
        """A caller's connection is no more."""

    def observe(self, exchange: Exchange, /) -> None:
        """A request is over."""

    def refused(self, flag: Flag, /) -> None:
        """Count an answer made here."""

    def refused_unread(self, refusal: Refusal, /) -> None:
        """Bytes that are no request were answered."""

    def retry_refused(self) -> None:
        """The budget did not allow that a request is sent again."""
