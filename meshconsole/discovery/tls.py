"""The daemon's own certificate and its two TLS doors; private keys never touch a disk."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from meshconsole.encryption.issuance import IssuedCertificate, server_certificate


class Doors:
    """TLS contexts of the channel (both sides prove themselves) and of enrolment (only we do).

    `renew` gives both a fresh certificate; connections that are open keep theirs.
    """

    def __init__(self, hosts: list[str]) -> None:
        self._hosts = hosts
        self.channel = _context()
        self.channel.verify_mode = ssl.CERT_REQUIRED
        self.enrolment = _context()
        self.roots = ""
        self.renew_at = 0.0

    def renew(self, now: datetime) -> None:
        """Get a certificate of this process's own; needs the database."""
        issued, key = server_certificate(hosts=self._hosts, now=now)
        with as_file(key + issued.chain) as path:
            self.channel.load_cert_chain(path)
            self.enrolment.load_cert_chain(path)
        if issued.roots != self.roots:
            self.channel.load_verify_locations(cadata=issued.roots)
            self.roots = issued.roots
        self.renew_at = _half_life(issued, now)


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
