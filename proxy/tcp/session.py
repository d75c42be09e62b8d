"""One session: two connections spliced byte for byte, until both ways have ended.

Bytes go on as they came, without a copy; who reads slower than the other writes holds the other up.
An end is passed on as what it was: the end of one way (FIN) as the end of that way, a reset as a
reset. TLS, as asyncio has it, cannot end one way only: there the end of one is the end of both.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from proxy.aio import spawn
from proxy.dialling import reason_of
from proxy.encryption.peers import Peer, encryption_of
from proxy.ends import ask_after_peer, hold, reset
from proxy.errors import Refusal
from proxy.tcp.dialling import CLOSINGS, INTERFACE, Attempt, dialled
from proxy.tcp.far import Far
from proxy.tcp.hello import HANDSHAKE, server_name
from proxy.tcp.ledger import Ledger
from proxy.tcp.silence import Silence

if TYPE_CHECKING:
    from proxy.links.account import Account
    from proxy.listener import Listener
    from proxy.tcp.routing import Tunnels

FIRST_LIMIT = 64 * 1024
"""Bytes kept of what a caller says before anybody is there to hear it; then it has to wait."""


class Session(asyncio.Protocol):
    """The caller's side, and what both sides share."""

    __slots__ = (
        "_attempt", "_dialling", "_far", "_far_error", "_far_full", "_far_gone", "_far_over",
        "_first", "_ledger", "_near_gone", "_near_over", "_silence", "_tunnels", "_waits",
        "account", "bytes_in", "bytes_out", "encrypted", "is_full", "listener", "near", "peer",
        "sink",
    )  # fmt: skip

    near: asyncio.Transport
    under_way = 1
    """Itself."""

    def __init__(self, listener: Listener, tunnels: Tunnels, waits: bool = True) -> None:
        self.listener = listener
        self._tunnels = tunnels
        self._waits = waits and tunnels.by_name
        """Is a name waited for before anything is dialled?"""
        self._ledger = Ledger(listener, monotonic())
        self.account: Account | None = None
        self._first: bytes = b""
        """What the caller said before there was anybody to say it to."""
        self._dialling: asyncio.Task[None] | None = None
        self._attempt: Attempt | None = None
        self._far: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None
        """The endpoint's connection, once it may be written to."""
        self._near_over = self._far_over = False
        """Has this side said its last byte?"""
        self._near_gone = False
        self._far_gone = True
        self._far_full = False
        self._far_error: Exception | None = None
        """What ended the endpoint's connection while the dial was not quite over."""
        self._silence = Silence(monotonic() + listener.limits.head_seconds)
        self.bytes_in = self.bytes_out = 0
        self.encrypted = False
        self.peer: Peer | None = None
        self.is_full = False

    # the caller's connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.near = cast("asyncio.Transport", transport)
        self.encrypted, self.peer = encryption_of(transport)
        self._ledger.caller_encrypted, self._ledger.peer = self.encrypted, self.peer
        if not self.listener.joined(self):
            self._near_gone = True
            self.near.abort()
            return
        self.account = self.listener.account_of(self, INTERFACE)
        if self.account is not None:
            self.account.started += 1
        if not self._waits:
            self._begin("")

    def data_received(self, data: bytes) -> None:
        sink = self.sink
        if sink is None:
            self._early(data)
        else:
            self.bytes_in += len(data)
            sink.write(data)

    def eof_received(self) -> bool:
        self._near_over = True
        if self.sink is not None:
            self._pass_end(self.sink)
        elif self._waits and not self._near_gone:
            self._begin("")
        return not self.encrypted

    def connection_lost(self, error: Exception | None) -> None:
        if self._near_gone:
            return
        self._near_gone = True
        self._stop_dialling()
        if error is not None:
            self._ledger.end("DC")
        self._end(self._far, self._far_gone, error)

    def pause_writing(self) -> None:
        self.is_full = True
        hold(self._far, True)

    def resume_writing(self) -> None:
        self.is_full = False
        hold(self._far, False)

    def _early(self, data: bytes) -> None:
        if self._near_over or self._near_gone:
            return
        self._first += data
        name: str | None = ""
        if self._first[0] == HANDSHAKE:
            name = server_name(self._first)
            self._ledger.name = name or ""
        if self._waits and name is not None:
            self._begin(name)
        if len(self._first) >= FIRST_LIMIT:
            self.near.pause_reading()

    # the endpoint's connection

    def _begin(self, name: str) -> None:
        self._waits = False
        try:
            choice = self._tunnels.tunnel(name)
            self._ledger.chosen(choice)
        except Refusal as refusal:
            self.refuse(refusal)
        else:
            self._dialling = spawn(self._dial(), name="dial for a session")

    async def _dial(self) -> None:
        choice = self._ledger.choice
        if choice is None:
            return
        try:
            attempt = await dialled(self.listener, choice, lambda: Far(self), self._ledger.tried)
        except Refusal as refusal:
            self._dialling = None
            self.refuse(refusal)
            return
        self._dialling = None
        self._attempt = attempt
        if self.bytes_out:
            attempt.answered()
        if self._far is None or self._far_gone:
            self.far_lost(self._far_error)
        else:
            self._splice(self._far)

    def _stop_dialling(self) -> None:
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()

    def _splice(self, far: asyncio.Transport) -> None:
        now = monotonic()
        self._ledger.connected(now)
        self._silence.begin(now)
        self.sink = far
        first, self._first = self._first, b""
        if first:
            self.bytes_in = len(first)
            far.write(first)
        if self._near_over:
            self._pass_end(far)
        if len(first) >= FIRST_LIMIT and not self._far_full:
            hold(self.near, False)

    def far_answered(self) -> None:
        """The endpoint's first byte came."""
        if self._attempt is not None:
            self._attempt.answered()

    def far_made(self, transport: asyncio.Transport, encrypted: bool) -> None:
        """The endpoint took the connection."""
        self._ledger.far_encrypted = encrypted
        self._far = transport
        self._far_gone = False
        ask_after_peer(transport)

    def far_over(self) -> None:
        """The endpoint has said its last byte."""
        self._far_over = True
        self._pass_end(self.near)

    def far_lost(self, error: Exception | None) -> None:
        """The endpoint's connection is no more."""
        self._far_gone = True
        self._far_error = error
        if self._dialling is not None:
            return
        if error is not None:
            self._ledger.end("UC")
            if self._attempt is not None and not self.bytes_out:
                detail = reason_of(error) if isinstance(error, OSError) else str(error)
                self._ledger.error = "connect"
                self._attempt.failed("connect", detail)
        self._end(self.near, self._near_gone, error)

    def far_full(self, full: bool) -> None:
        """The endpoint reads slower than the caller writes, or has caught up."""
        self._far_full = full
        hold(self.near, full)

    # ends

    def _pass_end(self, to: asyncio.Transport) -> None:
        if self._near_over and self._far_over:
            self.near.close()
            if self._far is not None:
                self._far.close()
        elif not to.is_closing():
            if to.can_write_eof():
                to.write_eof()
            else:
                to.close()

    def _end(self, other: asyncio.Transport | None, gone: bool, error: Exception | None) -> None:
        """One connection is no more: so ends the other, in the same way."""
        if other is not None and not gone:
            if error is None:
                other.close()
            else:
                reset(other)
        self._silence.begin(monotonic())
        self._gone()

    def refuse(self, refusal: Refusal) -> None:
        """It may not be, or not go on: whoever is there sees a reset."""
        self._ledger.end(refusal.flag, refusal.error)
        self.listener.refused(refusal.flag)
        self._cut()

    def turn_to(self, listener: Listener) -> None:
        """See the listener like this from now on."""
        self.listener = listener

    def abort(self) -> None:
        """End it now, in a way that nobody takes for an end in peace."""
        self._ledger.end("LR")
        self._cut()

    def _cut(self) -> None:
        self._stop_dialling()
        if not self._near_gone:
            self._near_gone = True
            reset(self.near)
        if self._far is not None and not self._far_gone:
            self._far_gone = True
            reset(self._far)
        self._gone()

    def _gone(self) -> None:
        """When both connections are no more, it is over."""
        if not self._near_gone or not self._far_gone or self._dialling is not None:
            return
        if self._ledger.close(self.bytes_in, self.bytes_out):
            attempt = self._attempt
            if attempt is not None:
                if not self.bytes_out and self._ledger.error is None:
                    attempt.answered()
                attempt.over(self._ledger.ended)
            if self.account is not None:
                self.account.left(self, CLOSINGS[self._ledger.ended])
                self.account.ended(self._ledger.ended)
            self.listener.left(self)

    # time

    def sweep(self, now: float, _draining: bool) -> None:
        """Called a few times a second: is something overdue?"""
        if self.listener.denies:
            self._ledger.end("UAEX")
            self._cut()
            return
        if now < self._silence.due or self._dialling is not None:
            return
        if self._waits:
            self._begin("")
            return
        self._ledger.count_bytes(self.bytes_in, self.bytes_out)
        moved = self.bytes_in + self.bytes_out - self._unsent()
        if self._silence.is_too_long(now, moved, self._patience):
            self._ledger.end("SI")
            self._cut()

    @property
    def _patience(self) -> float:
        """How long nothing may move; less once one side is gone and the rest is a formality."""
        limits = self.listener.limits
        if self._near_gone or self._far_gone or (self._near_over and self._far_over):
            return min(limits.idle_seconds, limits.tunnel_seconds)
        return limits.tunnel_seconds

    def _unsent(self) -> int:
        near = 0 if self._near_gone else self.near.get_write_buffer_size()
        far = 0 if self._far_gone or self._far is None else self._far.get_write_buffer_size()
        return near + far
