"""Makes connections to endpoints in the way that is wanted, and says what was in the way."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import msgspec

from proxy.encryption.dialling import PLAINLY, Wanted, Way
from proxy.http1.upstream import Upstream

if TYPE_CHECKING:
    from proxy.http2.upstream import Upstream as Http2Upstream
    from proxy.member import Member
    from proxy.pool import Pool
    from proxy.rpc.upstream import Upstream as FramedUpstream
    from proxy.settings import TlsFiles


SETTLE_SECONDS = 0.1
SETTLE_LEAST_SECONDS = 0.01
LATE_SECONDS = 0.2
"""A timer that fires so late says that the event loop was away, and nothing of the endpoint: what
happened meanwhile is noticed after the timers."""


class Dialler(Protocol):
    """Says how endpoints are dialled."""

    epoch: int
    """Another whenever its answers may be others."""

    @property
    def ends_at(self) -> float:
        """When the certificate ends that connections are made with; Unix time, 0 for never."""

    def look(self, now: float) -> None:
        """Called each second: has time changed anything?"""

    def wanted(self, member: Member, now: float) -> Wanted:
        """How a member is to be dialled."""

    def context(self, protocol: str) -> ssl.SSLContext:
        """TLS to dial with; raises ValueError when there is none."""

    def failed(self, member: Member, now: float) -> None:
        """A handshake failed."""

    def succeeded(self, member: Member) -> None:
        """One went well."""


class Plainly:
    """Plaintext to everybody."""

    epoch = 0
    ends_at = 0.0

    def look(self, now: float) -> None:
        """Nothing changes."""

    def wanted(self, member: Member, now: float) -> Wanted:
        """Always the same."""
        return PLAINLY

    def context(self, protocol: str) -> ssl.SSLContext:
        """There is none."""
        raise ValueError("nothing is encrypted here")

    def failed(self, member: Member, now: float) -> None:
        """Nothing follows."""

    def succeeded(self, member: Member) -> None:
        """Nothing follows."""


class ByFiles(Plainly):
    """TLS to everybody, by a certificate in files: whoever the authority vouches for is right."""

    def __init__(self, files: TlsFiles) -> None:
        from proxy.encryption.contexts import ClientContexts

        self._contexts = ClientContexts(files)
        self._wanted = Wanted(Way("files", True), plain_too=False)

    def wanted(self, member: Member, now: float) -> Wanted:
        """Always the same."""
        return self._wanted

    def context(self, protocol: str) -> ssl.SSLContext:
        """Of the files."""
        return self._contexts.of(protocol)


class Miss(msgspec.Struct, frozen=True):
    """Why there is no connection."""

    why: str
    handshake: bool = False
    """Was the endpoint reached, and TLS did not come about?"""
    stranger: bool = False
    """Is somebody else there?"""
    late: bool = False
    """Did patience end while this process was not running? Then it is worth another try."""


def is_late(began: float, patience: float, now: float) -> bool:
    """Did a wait of `patience` seconds end so late that this process was away meanwhile?"""
    return now - began - patience > LATE_SECONDS


async def connected(
    make: Callable[[], asyncio.BaseProtocol],
    member: Member,
    way: Way,
    dialler: Dialler,
    protocol: str,
    proven: bool,
) -> Miss | None:
    """Have the event loop connect what `make` makes, within the service's patience for a
    connection, and as much again for a handshake; None when it is done.

    In TLS 1.3 a client is done before its server has looked at its certificate. One that refuses it
    ends the connection a round trip later, so until the way is `proven` that moment is waited for,
    with nothing under way.
    """
    seconds, began = member.connect_seconds, monotonic()
    if not way.encrypted:
        return await _plain(make, member)
    from proxy.encryption.guard import Guard

    guard = Guard(make, way)
    try:
        async with asyncio.timeout(2 * seconds):
            await asyncio.get_running_loop().create_connection(
                lambda: guard,
                member.host,
                member.port,
                ssl=dialler.context(protocol),
                server_hostname="",
                ssl_handshake_timeout=seconds,
            )
    except TimeoutError:
        return _none_within(2 * seconds, began)
    except ssl.SSLError as error:
        return Miss(reason_of(error), handshake=True)
    except (ConnectionResetError, ConnectionAbortedError, BrokenPipeError) as error:
        late = isinstance(error, ConnectionAbortedError) and is_late(began, seconds, monotonic())
        return Miss("TLS: the handshake did not come to its end", handshake=True, late=late)
    except (OSError, ValueError) as error:
        return Miss(reason_of(error))
    if guard.why:
        return Miss(guard.why, handshake=True, stranger=True)
    if not proven:
        took = monotonic() - began
        await asyncio.sleep(min(SETTLE_SECONDS, max(SETTLE_LEAST_SECONDS, 2 * took)))
        if guard.has_ended:
            return Miss("TLS: it does not take this sidecar's certificate", handshake=True)
    return None


async def _plain(make: Callable[[], asyncio.BaseProtocol], member: Member) -> Miss | None:
    began = monotonic()
    try:
        async with asyncio.timeout(member.connect_seconds):
            await asyncio.get_running_loop().create_connection(make, member.host, member.port)
    except TimeoutError:
        return _none_within(member.connect_seconds, began)
    except (OSError, ValueError) as error:
        return Miss(reason_of(error))
    return None


def _none_within(seconds: float, began: float) -> Miss:
    late = is_late(began, seconds, monotonic())
    return Miss(f"no connection within {seconds:g} s", late=late)


def dialled(pool: Pool, way: Way) -> Upstream | Http2Upstream | FramedUpstream:
    """A connection of the pool's protocol, to be given to the event loop."""
    if pool.protocol == "bolt":
        from proxy.bolt.codec import CODEC
        from proxy.rpc.upstream import Upstream as FramedUpstream

        return FramedUpstream(pool, way, CODEC)
    if pool.protocol == "http2":
        from proxy.http2.upstream import Upstream as Http2Upstream

        return Http2Upstream(pool, way)
    return Upstream(pool, way)


def reason_of(error: OSError | ValueError) -> str:
    """An error's own words, without numbers and addresses of this machine."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
