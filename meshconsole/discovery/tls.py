"""The daemon's own certificate and its two TLS doors; private keys never touch a disk."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from meshconsole.encryption.issuance import IssuedCertificate, server_certificate
from meshconsole.encryption.keeping import TrustBundle, trust_bundle


class Doors:
    """TLS contexts of the channel (both sides prove themselves) and of enrolment (only we do).

    A context cannot unlearn a root, so each change makes new ones. What is listened with stays: in
    every handshake it gives way to the one in force. Connections that are open keep theirs.
    """

    def __init__(self, hosts: list[str]) -> None:
        self._hosts = hosts
        self._channel = self._enrolment = _context()
        self.channel = _giving_way(lambda: self._channel)
        self.channel.verify_mode = ssl.CERT_REQUIRED
        self.enrolment = _giving_way(lambda: self._enrolment)
        self._own = ""
        """Key and chain of this process, in PEM."""
        self._issuer = ""
        self.roots = ""
        self.renew_at = 0.0

    def renew(self, now: datetime) -> None:
        """Get a certificate of this process's own; needs the database and whoever signs."""
        issued, key = server_certificate(hosts=self._hosts, now=now)
        bundle = trust_bundle()
        self._own = key + issued.chain
        self._issuer = bundle.issuer if bundle else ""
        self.renew_at = _half_life(issued, now)
        self._open(issued.roots)

    def follow(self, now: datetime) -> bool:
        """Trust what the mesh trusts now, and renew when it is time or another authority signs.

        True when anything changed. The roots are taken even when no certificate is to be had.
        """
        bundle = trust_bundle()
        if bundle is not None and self._own and bundle.pem != self.roots:
            self._open(bundle.pem)
            self._renew_if_due(bundle, now)
            return True
        return self._renew_if_due(bundle, now)

    def _renew_if_due(self, bundle: TrustBundle | None, now: datetime) -> bool:
        is_same = bundle is None or bundle.issuer == self._issuer
        if is_same and now.timestamp() < self.renew_at:
            return False
        self.renew(now)
        return True

    def _open(self, roots: str) -> None:
        channel, enrolment = _context(), _context()
        channel.verify_mode = ssl.CERT_REQUIRED
        channel.load_verify_locations(cadata=roots)
        with as_file(self._own) as path:
            channel.load_cert_chain(path)
            enrolment.load_cert_chain(path)
        self._channel, self._enrolment, self.roots = channel, enrolment, roots


def _giving_way(in_force: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """A context to listen with, whose every handshake is made with the one in force."""
    front = _context()

    def choose(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = in_force()

    front.sni_callback = choose
    return front


def _half_life(issued: IssuedCertificate, now: datetime) -> float:
    return now.timestamp() + (issued.not_after - now).total_seconds() / 2


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # an identity is proven on every connection
    return context


@contextmanager
def as_file(text: str) -> Iterator[str]:
    """`load_cert_chain` wants a path: give it one that is only memory where the system can."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        Path(file.name).chmod(0o600)
        file.write(text)
        file.flush()
        yield file.name
