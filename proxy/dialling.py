"""What a connection to an endpoint is made with, and what is said of one that could not be made."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Protocol

from proxy.http1.upstream import Upstream

if TYPE_CHECKING:
    from proxy.http2.upstream import Upstream as Http2Upstream
    from proxy.pools import Pool
    from proxy.rpc.upstream import Upstream as FramedUpstream


class Contexts(Protocol):
    """TLS towards endpoints."""

    def of(self, protocol: str) -> ssl.SSLContext:
        """The context to dial with for a protocol; each offers another ALPN."""


def dialled(pool: Pool) -> Upstream | Http2Upstream | FramedUpstream:
    """A connection of the pool's protocol, to be given to the event loop."""
    if pool.protocol == "bolt":
        from proxy.bolt.codec import CODEC
        from proxy.rpc.upstream import Upstream as FramedUpstream

        return FramedUpstream(pool, CODEC)
    if pool.protocol == "http2":
        from proxy.http2.upstream import Upstream as Http2Upstream

        return Http2Upstream(pool)
    return Upstream(pool)


def reason_of(error: OSError | ValueError) -> str:
    """An error's own words, without numbers and addresses of this machine."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
