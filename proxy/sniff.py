"""What does a caller speak? Told from the first bytes, which are then handed on unread.

Pure but for `Greeter`, the protocol that stands in until the answer is known.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, cast

from proxy.encryption.peers import Peer, encryption_of
from proxy.sockets import has_unread

if TYPE_CHECKING:
    from proxy.listener import Listener

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
BOLT_V1 = 0x01
QUIET_SECONDS = 1.0
"""While draining, who has said nothing for so long is left; who has just come is about to speak."""
TLS_HANDSHAKE = 0x16
HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"
"""An alert of TLS (RFC 8446, 6.2): no more is said to who wants TLS where there is none."""
METHOD_LIMIT = 32
"""As long as a method may be; and as many bytes of empty lines are kept before one."""
_PRINTABLE = frozenset(range(0x21, 0x7F))
_SKIPPED = frozenset(b"\t\x0b\x0c\x1c\x1d\x1e\x1f \x85\xa0")
"""What careless servers skip before a method, and take for a space after it."""
WORD_LENGTH = 3
"""Letters that make a word: one or two may as well be a length of a binary protocol."""
_EARLY = frozenset(b"\r\n")
"""Empty lines before a request line are skipped (RFC 9112, 2.2)."""


def spoken(first: bytes) -> str | None:
    """`http2`, `bolt`, `http1` or `tcp`; None when more bytes are needed to tell.

    Whatever a careless server might still take for a request is called `http1`, where it is refused
    unless it is one: passed on as a TCP session it would go round everything that is checked.
    """
    if not first:
        return None
    if first[0] == BOLT_V1:
        return "bolt"
    if first[: len(PREFACE)] == PREFACE[: len(first)]:
        return "http2" if len(first) >= len(PREFACE) else None
    line = first.lstrip(b"\r\n") if first[0] in _EARLY else first
    if len(first) - len(line) > METHOD_LIMIT or (line and line[0] in _SKIPPED):
        return "http1"
    for at, byte in enumerate(line[: METHOD_LIMIT + 1]):
        if byte in b" \t" and at:
            return "http1"
        if byte not in _PRINTABLE:
            is_word = at >= WORD_LENGTH and line[:at].isalpha()
            return "http1" if byte in _SKIPPED and is_word else "tcp"
    return None if len(line) <= METHOD_LIMIT else "http1"


_versioned = re.compile(rb"[^!-~]HTTP/\d(?:\.\d)?[^!-~]*\Z", re.IGNORECASE).search


def ends_as_request(first: bytes) -> bool | None:
    """Does the first line that is not empty end with an HTTP version? None while it has no end.

    A server may be so careless that it takes any bytes for a method; this far it has to look.
    """
    line, end, _ = first.lstrip(b"\r\n").partition(b"\n")
    return _versioned(line) is not None if end else None


class Greeter(asyncio.Protocol):
    """Holds a connection until its first bytes tell what is spoken on it, then steps aside."""

    __slots__ = (
        "_buffer", "_expected", "_make", "_transport", "deadline", "encrypted", "is_full",
        "listener", "peer",
    )  # fmt: skip

    account = None
    under_way = 0

    def __init__(
        self,
        listener: Listener,
        make: Callable[[Listener, str], asyncio.Protocol],
        expected: str = "",
    ) -> None:
        self.listener = listener
        self._make = make
        self._expected = expected
        """What is spoken here if it is not TLS; empty is told from the bytes."""
        self._buffer = b""
        self.deadline = 0.0
        self.encrypted = False
        self.peer: Peer | None = None
        self.is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        self.encrypted, self.peer = encryption_of(transport)
        self.deadline = monotonic() + self.listener.limits.idle_seconds
        if not self.listener.joined(self):
            self._transport.abort()
        elif tls is not None and tls.selected_alpn_protocol() == "h2":
            self._become("http2")

    def data_received(self, data: bytes) -> None:
        if not self._buffer:
            self.deadline = monotonic() + self.listener.limits.head_seconds
        self._buffer += data
        if self._buffer[0] == TLS_HANDSHAKE and self._refuses_tls():
            return
        protocol = self._expected or spoken(self._buffer)
        if protocol == "tcp" and ends_as_request(self._buffer):
            protocol = "http1"
        if protocol is not None:
            self._become(protocol)

    def connection_lost(self, _error: Exception | None) -> None:
        self.listener.left(self)

    def sweep(self, now: float, draining: bool) -> None:
        """Called a few times a second: is something overdue?"""
        if now >= self.deadline:
            self._transport.abort()
        elif draining and not self._buffer:
            quiet_since = self.deadline - self.listener.limits.idle_seconds
            if now - quiet_since > QUIET_SECONDS and not has_unread(self._transport):
                self._transport.close()

    def turn_to(self, listener: Listener) -> None:
        """See the listener like this from now on."""
        self.listener = listener

    def abort(self) -> None:
        """End it now."""
        self._transport.abort()

    def _refuses_tls(self) -> bool:
        """Does a caller want TLS of a sidecar that takes only plaintext? It is told so in TLS."""
        gate = self.listener.gate
        if gate is None or self.encrypted:
            return False
        peer = self._transport.get_extra_info("peername")
        gate.unasked_tls(self.listener, peer[0] if peer else "")
        self._transport.write(HANDSHAKE_FAILURE)
        self._transport.close()
        return True

    def _become(self, protocol: str) -> None:
        after = self._make(self.listener, protocol)
        self.listener.stepped_aside(self)
        self._transport.set_protocol(after)
        after.connection_made(self._transport)
        if self._buffer and not self._transport.is_closing():
            after.data_received(self._buffer)
