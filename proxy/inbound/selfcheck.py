"""Would a caller's handshake succeed here? Tried on this sidecar itself, before anybody is told to.

With its own certificate on both sides the sidecar calls its own inbound port; while that takes only
plaintext, the same is done in memory. So what is advertised has worked once, with the certificate
and the roots that are in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from proxy.encryption.contexts import SELF_CHECK
from proxy.encryption.identity import Identity, utc_now

if TYPE_CHECKING:
    from proxy.encryption.holder import Holder
    from proxy.inbound.gate import Gate

CHECK_SECONDS = 60.0
RETRY_SECONDS = 2.0
PATIENCE_SECONDS = 5.0
ROUNDS_LIMIT = 8
"""Turns of a handshake in memory; TLS 1.3 takes three."""
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to dial for it


class SelfCheck:
    """Tries whenever the identity, the trust or the mode changed, and now and then."""

    def __init__(self, gate: Gate, address: Callable[[], tuple[str, int]]) -> None:
        self._gate = gate
        self._address = address
        self._due = asyncio.Event()
        self.reason = "No handshake was tried yet."
        """Why a caller could not encrypt, in words; empty when one can."""
        gate.watch(self._due.set)
        gate.holder.watch(self._due.set)

    @property
    def ready(self) -> bool:
        """May callers be told to encrypt?"""
        return not self.reason

    async def run(self) -> None:
        """Check, until cancelled."""
        while True:
            self._due.clear()
            self.reason = await self.check()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS if self.ready else RETRY_SECONDS):
                    await self._due.wait()

    async def check(self) -> str:
        """Why a handshake does not succeed; empty when it does."""
        holder = self._gate.holder
        identity, why = holder.identity, holder.why_unusable(utc_now())
        if identity is None or why:
            return why
        try:
            if not self._gate.takes_tls:
                return in_memory(holder)
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._called(holder, identity)
        except TimeoutError:
            return f"A handshake with itself took longer than {PATIENCE_SECONDS:g} s."
        except (OSError, ValueError) as error:
            said = getattr(error, "reason", None) or error
            return f"A handshake with itself failed: {said}."

    async def _called(self, holder: Holder, identity: Identity) -> str:
        host, port = self._address()
        reader, writer = await asyncio.open_connection(
            _LOOPBACK.get(host, host),
            port,
            ssl=holder.client_context(SELF_CHECK),
            server_hostname="",
        )
        try:
            shown = writer.get_extra_info("ssl_object").getpeercert(True)
            await reader.read(1)  # it ends in peace when this side's certificate was accepted, too
        finally:
            writer.transport.abort()
        if shown != identity.der:
            return "The inbound port shows another certificate than the one in force."
        return ""


def in_memory(holder: Holder) -> str:
    """The same without a port."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        holder.client_context(SELF_CHECK).wrap_bio(to_client, to_server),
        holder.server_context("auto").wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(ROUNDS_LIMIT):
        for side in list(sides):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
                sides.remove(side)
    return "A handshake with itself did not come to an end." if sides else ""
