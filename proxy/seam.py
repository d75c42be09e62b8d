"""Where moving bytes meets deciding: what an engine and an exchange say to each other.

Below stands the engine: sockets, framing, TLS, pools, one folder per protocol (`http1`, `http2`,
`bolt`, `tcp`). Above stand the decisions: admit, route, pick, retry, observe (`relay`). Plain
values cross between: a `Request` and a `Response` (their header lines in the one checked form of
`http1.heads`, whatever the wire said), content as the slices that came, and trailers as header
lines. Another engine, a compiled one for instance, implements `Caller`, `Connection` and `Link`,
and nothing above changes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from proxy.encryption.dialling import Way
from proxy.errors import Refusal
from proxy.http1.heads import Request, Response
from proxy.links.account import Account, End

if TYPE_CHECKING:
    from proxy.encryption.peers import Peer


class Caller(Protocol):
    """Whoever asked: the place on a caller's connection where one answer goes."""

    deadline: float
    """When the caller, or whoever it waits for, has taken too long; on the monotonic clock."""

    @property
    def account(self) -> Account | None:
        """Where its requests are counted, if they come from the mesh."""

    @property
    def protocol(self) -> str:
        """What the caller speaks: `http1`, `http2` or `bolt`."""

    @property
    def encrypted(self) -> bool:
        """Is its connection?"""

    @property
    def peer(self) -> Peer | None:
        """Who calls, as the certificate of its sidecar says; None where none was shown."""

    @property
    def is_full(self) -> bool:
        """Does the caller read slower than it is written to?"""

    def begin_body(self) -> tuple[bytes, bool, bytes]:
        """Somebody takes the body now: what there is of it, is that all, and its trailers.

        What comes later is told to the exchange with `body_more`. A body that is malformed is told
        with `caller_broke` before this returns.
        """

    def interim(self, response: Response) -> None:
        """A 1xx answer; the real one follows."""

    def answer(
        self, response: Response, length: int, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """The answer's head and the first of its content; `length` as `Response.body_length`."""

    def answer_more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More content; `done` says that it was the last."""

    def refuse(self, refusal: Refusal) -> None:
        """A whole answer made here."""

    def hold(self, held: bool) -> None:
        """Send no more of the body for now, or go on."""

    def abort(self) -> None:
        """End this answer at once, in a way that nobody takes for its end."""

    def exchange_over(self) -> None:
        """Everything is said and counted."""


class Asking(Protocol):
    """What a link tells the exchange that uses it, or that waits in line for it."""

    can_repeat: bool
    """May the request be sent again when nobody knows whether the first was seen?"""
    request: Request

    def send(self, link: Link) -> None:
        """Here is a link: write the request."""

    def connect_failed(self, detail: str) -> None:
        """There will be none; nothing was sent."""

    def interim(self, response: Response) -> None:
        """A 1xx answer came; the real one follows."""

    def answer(
        self, response: Response, length: int, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """The answer's head came, with the first of its content."""

    def answer_more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More content; `done` says that it was the last."""

    def answer_broken(self, why: str) -> None:
        """The answer is not what the protocol allows. The link is gone."""

    def unprocessed(self, detail: str) -> None:
        """The peer says that it did not touch the request (GOAWAY, REFUSED_STREAM). The link is
        gone; any request may be sent again."""

    def connection_ended(self) -> None:
        """The link ended before the answer did."""

    def upstream_full(self, full: bool) -> None:
        """The peer reads slower than the caller writes, or has caught up."""


class Link(Protocol):
    """The place on a connection to an endpoint that carries one request: for HTTP/1.1 the
    connection itself, for a multiplexed protocol one stream of it."""

    encrypted: bool
    """Is its connection?"""
    reused: bool
    """Did the connection carry a request before? Then its peer may be closing it just now."""

    @property
    def full(self) -> bool:
        """Does the peer read slower than it is written to?"""

    def begin(
        self, exchange: Asking, request: Request, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """Write the head, and what there is of the body."""

    def more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More of the body; `done` says that it was the last."""

    def hold(self, held: bool) -> None:
        """Read no more of the answer for now: the caller does not keep up. Or go on."""

    def leave(self, end: End = "cancelled") -> None:
        """The exchange ends before its answer does, for this reason."""


class Connection(Protocol):
    """One connection to an endpoint as a pool sees it."""

    opened: bool
    """Did it ever connect?"""
    is_ready: bool
    """Does it stand among the pool's connections with room? The pool's own mark."""
    idle_since: float
    way: Way
    """What it was made with."""
    encrypted: bool
    account: Account
    """Where it is counted."""
    ages_at: float
    """When it has been used for long enough; on the monotonic clock."""
    drains_since: float
    """When the pool told it to take nothing new; 0 is not yet."""
    endless: bool
    """Does it carry bytes that have no boundary to end at?"""
    transport: asyncio.Transport
    unfit: str
    """Why it may not be used though it connected; empty when it may."""

    def take(self, now: float, can_repeat: bool) -> Link | None:
        """A place for one request; None when the connection should not be used any more."""

    @property
    def has_room(self) -> bool:
        """Is there a place for one more request?"""

    @property
    def is_idle(self) -> bool:
        """Is nothing in flight on it?"""

    @property
    def under_way(self) -> int:
        """What is in flight on it."""

    def drain(self) -> None:
        """No more requests, and say so; the pool closes it when it is time."""

    def sweep(self, now: float) -> None:
        """Called a few times a second while it has room, if it carries many requests at once."""

    def close(self) -> None:
        """No more requests: end it when what is in flight is over."""

    def abort(self) -> None:
        """End it now, whatever is in flight."""
