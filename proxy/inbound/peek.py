"""The first byte of a caller, looked at and not taken: TLS begins with one that nothing else does.

It is looked for on the accepted socket, before there is a transport, so that the same bytes can
become a handshake or a request. Whoever says nothing yet is waited for beside everybody else.
"""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING

from proxy.arrival import Newcomer, Serve
from proxy.encryption.contexts import SELF_CHECK
from proxy.inbound.gate import Gate
from proxy.sniff import QUIET_SECONDS, TLS_HANDSHAKE
from proxy.sockets import has_waiting

if TYPE_CHECKING:
    from proxy.listener import Listener

PEEK_SECONDS = 5.0
"""Until the first byte; after that a caller can only be one in plaintext that says nothing yet."""
SERVER_FIRST_SECONDS = 0.3
"""The same at a port whose server speaks first: who encrypts speaks at once."""
HANDSHAKE_SECONDS = 5.0


class Peeked(Newcomer):
    """A caller whose first byte decides."""

    def __init__(
        self, listener: Listener, serve: Serve, gate: Gate, caller: socket.socket, source: str
    ) -> None:
        self._gate = gate
        self._source = source
        self._came = monotonic()
        self._loop = asyncio.get_running_loop()
        self._waits = False
        caller.setblocking(False)
        super().__init__(listener, serve, caller)

    def begin(self) -> None:
        """Look, and wait if there is nothing to see."""
        if not self._look():
            self._waits = True
            self._loop.add_reader(self.caller, self._look)

    def sweep(self, now: float, draining: bool) -> None:
        """Called a few times a second: has it said nothing for too long?"""
        if not self._waits:
            return
        silent = now - self._came
        if draining and silent > QUIET_SECONDS and not has_waiting((self.caller,)):
            self.leave()
        elif self._gate.takes_plaintext and silent > self._patience:
            self._decide(0)
        elif silent > PEEK_SECONDS:
            why = "it said nothing, and only TLS is taken here, which begins at once"
            self._gate.refusals.refuse("timeout", self.listener.name, self._source, why)
            self.leave()

    def leave(self) -> None:
        """It is somebody else's, or gone."""
        self._stop_waiting()
        super().leave()

    def failed(self, error: OSError) -> None:
        """The handshake did not succeed."""
        self._gate.failed(self.listener, self._source, error)

    def place(self, transport: asyncio.Transport) -> Listener | None:
        """The listener as the connection sees it; None says that it was ended."""
        gate, listener = self._gate, self.listener
        tls = transport.get_extra_info("ssl_object")
        if tls is None:
            return gate.place(listener, self._source, None)
        if not gate.known(listener, self._source, tls):
            transport.abort()
            return None
        if tls.selected_alpn_protocol() == SELF_CHECK:
            transport.close()
            return None
        return gate.place(listener, self._source, tls.peer)

    @property
    def _patience(self) -> float:
        return SERVER_FIRST_SECONDS if self._server_first() else PEEK_SECONDS

    def _server_first(self) -> bool:
        interception = self.listener.interception
        if interception is None:
            return self.listener.speaks == "tcp"
        from proxy.interception.original import original_destination

        destination = original_destination(self.caller)
        return destination is not None and destination.port in interception.server_first

    def _look(self) -> bool:
        """Is there a first byte, or will there never be one?"""
        try:
            first = self.caller.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            first = b""
        if first:
            self._decide(first[0])
        else:
            self.leave()
        return True

    def _decide(self, first: int) -> None:
        self._stop_waiting()
        if first != TLS_HANDSHAKE:
            self.connect(None, 0.0)
        else:
            context = self._gate.context(self.listener, self._source)
            if context is None:
                self.leave()
            else:
                self.connect(context, HANDSHAKE_SECONDS)

    def _stop_waiting(self) -> None:
        if self._waits:
            self._waits = False
            self._loop.remove_reader(self.caller)
