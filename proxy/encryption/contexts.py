"""TLS as the mesh speaks it: version 1.3 only, both sides prove who they are, nothing is resumed.

A resumed session would outlive the policy it was made under, and the tickets that allow it cost a
server three tenths of its CPU per handshake.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Any

from proxy.settings import InvalidSettings, TlsFiles

if TYPE_CHECKING:
    from proxy.encryption.identity import Identity
    from proxy.encryption.peers import Peer

ALPN = {"http1": ["http/1.1"], "http2": ["h2"], "auto": ["h2", "http/1.1"]}
"""What is offered in the handshake; other protocols that have no name there offer nothing."""


_DER = 2
"""`_ssl.ENCODING_DER`."""
SELF_CHECK = "mesh-self-check"
"""Offered by a sidecar that calls its own port only to see that this works."""


class Session(ssl.SSLObject):
    """One TLS connection, whose peer's certificate is not read into a dict after every handshake.

    The event loop asks for that dict; who wants to know the peer takes the binary form.
    """

    peer: Peer | None = None
    """Who is at the other end, once that is known."""

    def uris(self) -> list[str]:
        """The URIs among the names of the verified certificate."""
        read: Any = super().getpeercert(False) or {}
        return [name for kind, name in read.get("subjectAltName", ()) if kind == "URI"]

    def ends_at(self) -> float:
        """When the verified certificate ends, in Unix time."""
        read: Any = super().getpeercert(False) or {}
        return ssl.cert_time_to_seconds(read["notAfter"]) if "notAfter" in read else inf

    def between(self) -> tuple[bytes, ...]:
        """The authorities by which the certificate was verified, in DER; empty where the library
        does not tell. Python has a public name for it since 3.13."""
        own: Any = self
        read = getattr(own, "get_verified_chain", None) or getattr(
            getattr(own, "_sslobj", None), "get_verified_chain", None
        )
        chain = (read() if read is not None else None) or ()
        return tuple(one if isinstance(one, bytes) else one.public_bytes(_DER) for one in chain[1:])

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The verified certificate in DER; an empty dict when the binary form is not asked for."""
        return super().getpeercert(True) if binary_form else {}


class ClientContexts:
    """TLS towards endpoints: one context per protocol, as each offers another name."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._made: dict[str, ssl.SSLContext] = {}
        self.of("http1")  # what is wrong with the files is said at once

    def of(self, protocol: str) -> ssl.SSLContext:
        """The context to dial with for a protocol."""
        made = self._made.get(protocol)
        if made is None:
            made = self._made[protocol] = client_context(self._files)
            if protocol in ALPN:
                made.set_alpn_protocols(ALPN[protocol])
        return made


def server_context(files: TlsFiles, speaks: str = "http1") -> ssl.SSLContext:
    """For a listener: callers must show a certificate of the authority. They are offered the names
    of what is spoken there; who offers none of them is told nothing."""
    context = _server(speaks)
    _load(context, files)
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For connections to upstreams: they must show a certificate of the authority.

    The authority is private to the mesh and endpoints are addresses, so no host name is compared.
    """
    context = _client()
    _load(context, files)
    return context


def mesh_client(identity: Identity, roots: Iterable[str], protocol: str) -> ssl.SSLContext:
    """For connections between sidecars: what `identity` proves is shown, `roots` (PEM) are believed
    and nobody else."""
    context = _client()
    if protocol in ALPN or protocol == SELF_CHECK:
        context.set_alpn_protocols(ALPN.get(protocol, [SELF_CHECK]))
    _believe(context, identity, roots)
    return context


def mesh_server(identity: Identity, roots: Iterable[str], speaks: str) -> ssl.SSLContext:
    """The same for a listener."""
    context = _server(speaks)
    context.set_alpn_protocols([*ALPN.get(speaks, ()), SELF_CHECK])
    _believe(context, identity, roots)
    return context


def _believe(context: ssl.SSLContext, identity: Identity, roots: Iterable[str]) -> None:
    identity.prove_in(context)
    context.load_verify_locations(cadata="".join(roots))


def _server(speaks: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    if speaks in ALPN:
        context.set_alpn_protocols(ALPN[speaks])
    return _strict(context)


def _client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return _strict(context)


def _strict(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sslobject_class = Session
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        context.load_cert_chain(files.cert, files.key)
        context.load_verify_locations(files.ca)
    except (ssl.SSLError, OSError) as error:
        raise InvalidSettings(
            f"Cannot use {files.cert}, its key and {files.ca}: {error}. "
            "All three are PEM, the key is unencrypted and belongs to the certificate."
        ) from None
