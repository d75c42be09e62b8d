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
from proxy.ends import hold, reset
from proxy.errors import Refusal
from proxy.pools import reason_of
from proxy.tcp.dialling import Attempt, dialled, stay_in_touch
from proxy.tcp.far import Far
from proxy.tcp.hello import HANDSHAKE, server_name
from proxy.tcp.ledger import Ledger

if TYPE_CHECKING:
    from proxy.listener import Listener
    from proxy.tcp.routing import Tunnels

CHECK_SECONDS = 10.0
"""How often, at least, a session is looked at: for silence, and to count its bytes."""


class Session(asyncio.Protocol):
    """The caller's side, and what both sides share."""

    __slots__ = (
        "_attempt", "_dialling", "_far_error", "_far_full", "_far_gone", "_far_over", "_first",
        "_ledger", "_listener", "_mark", "_near_gone", "_near_over", "_quiet_since", "_tunnels",
        "_waits", "bytes_in", "bytes_out", "deadline", "encrypted", "far", "is_full", "near",
    )  # fmt: skip

    near: asyncio.Transport

    def __init__(self, listener: Listener, tunnels: Tunnels, waits: bool = True) -> None:
        self._listener = listener
        self._tunnels = tunnels
        self._waits = waits and tunnels.by_name
        """Is a name waited for before anything is dialled?"""
        self._ledger = Ledger(listener, monotonic())
        self._first: bytes = b""
        """What the caller said before there was anybody to say it to."""
        self._dialling: asyncio.Task[None] | None = None
        self._attempt: Attempt | None = None
        self.far: asyncio.Transport | None = None
        self._near_over = self._far_over = False
        """Has this side said its last byte?"""
        self._near_gone = False
        self._far_gone = True
        self._far_full = False
        self._far_error: Exception | None = None
        """What ended the endpoint's connection while the dial was not quite over."""
        self._mark = -1
        self._quiet_since = self.deadline = 0.0
        self.bytes_in = self.bytes_out = 0
        self.encrypted = False
        self.is_full = False

    # the caller's connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.near = cast("asyncio.Transport", transport)
        self.encrypted = transport.get_extra_info("ssl_object") is not None
        self._ledger.caller_encrypted = self.encrypted
        self.deadline = monotonic() + self._listener.limits.head_seconds
        if not self._listener.joined(self):
            self._near_gone = True
            self.near.abort()
            return
        stay_in_touch(transport)
        if not self._waits:
            self._begin("")

    def data_received(self, data: bytes) -> None:
        far = self.far
        if far is None:
            self._early(data)
        else:
            self.bytes_in += len(data)
            far.write(data)

    def eof_received(self) -> bool:
        self._near_over = True
        if self.far is not None:
            self._pass_end(self.far)
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
        self._end(self.far, self._far_gone, error)

    def pause_writing(self) -> None:
        self.is_full = True
        hold(self.far, True)

    def resume_writing(self) -> None:
        self.is_full = False
        hold(self.far, False)

    def _early(self, data: bytes) -> None:
        if self._near_over or self._near_gone:
            return
        self._first += data
        name: str | None = ""
        if self._first[0] == HANDSHAKE:
            name = server_name(self._first)
            self._ledger.name = name or ""
        if not self._waits:
            self.near.pause_reading()
        elif name is not None:
            self._begin(name)

    # the endpoint's connection

    def _begin(self, name: str) -> None:
        self._waits = False
        self.near.pause_reading()
        try:
            choice = self._tunnels.tunnel(name)
            self._ledger.chosen(choice)
        except Refusal as refusal:
            self._refuse(refusal)
        else:
            self._dialling = spawn(self._dial(), name="dial for a session")

    async def _dial(self) -> None:
        choice = self._ledger.choice
        if choice is None:
            return
        try:
            attempt = await dialled(self._listener, choice, lambda: Far(self), self._ledger.tried)
        except Refusal as refusal:
            self._dialling = None
            self._refuse(refusal)
            return
        self._dialling = None
        self._attempt = attempt
        if self.bytes_out:
            attempt.answered()
        if self.far is None or self._far_gone:
            self.far_lost(self._far_error)
        else:
            self._splice(self.far)

    def _stop_dialling(self) -> None:
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()

    def _splice(self, far: asyncio.Transport) -> None:
        now = monotonic()
        self._ledger.connected(now)
        self._quiet_since = now
        self.deadline = now + self._check_seconds
        first, self._first = self._first, b""
        if first:
            self.bytes_in = len(first)
            far.write(first)
        if self._near_over:
            self._pass_end(far)
        if not self._far_full:
            hold(self.near, False)

    def far_answered(self) -> None:
        """The endpoint's first byte came."""
        if self._attempt is not None:
            self._attempt.answered()

    def far_made(self, transport: asyncio.Transport) -> None:
        """The endpoint took the connection."""
        self.far = transport
        self._far_gone = False
        stay_in_touch(transport)

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
            if self.far is not None:
                self.far.close()
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
        self.deadline = 0.0
        self._quiet_since = monotonic()
        self._gone()

    def _refuse(self, refusal: Refusal) -> None:
        self._ledger.end(refusal.flag, refusal.error)
        self._listener.refused(refusal.flag)
        self._near_gone = True
        reset(self.near)
        self._gone()

    def abort(self) -> None:
        """End it now, in a way that nobody takes for an end in peace."""
        self._ledger.end("LR")
        self._cut()

    def _cut(self) -> None:
        self._stop_dialling()
        if not self._near_gone:
            self._near_gone = True
            reset(self.near)
        if self.far is not None and not self._far_gone:
            self._far_gone = True
            reset(self.far)
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
                attempt.over()
            self._listener.left(self)

    # time

    def sweep(self, now: float, _draining: bool) -> None:
        """Called a few times a second: is something overdue?"""
        if now < self.deadline or self._dialling is not None:
            return
        if self._waits:
            self._begin("")
            return
        self.deadline = now + self._check_seconds
        self._ledger.count_bytes(self.bytes_in, self.bytes_out)
        mark = self.bytes_in + self.bytes_out - self._unsent()
        if mark != self._mark:
            self._mark = mark
            self._quiet_since = now
        elif now - self._quiet_since >= self._patience:
            self._ledger.end("SI")
            self._cut()

    @property
    def _patience(self) -> float:
        """How long nothing may move; less once one side is gone and the rest is a formality."""
        limits = self._listener.limits
        if self._near_gone or self._far_gone or (self._near_over and self._far_over):
            return min(limits.idle_seconds, limits.tunnel_seconds)
        return limits.tunnel_seconds

    @property
    def _check_seconds(self) -> float:
        return min(CHECK_SECONDS, self._patience / 4)

    def _unsent(self) -> int:
        near = 0 if self._near_gone else self.near.get_write_buffer_size()
        far = 0 if self._far_gone or self.far is None else self.far.get_write_buffer_size()
        return near + far
