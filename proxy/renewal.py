"""When to ask for the next certificate, and what to make of the answer; without clock or socket."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from proxy.contract.session import Cert, Csr
from proxy.encryption.identity import Identity, KeyRequest

ANSWER_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 60.0
_RETRY_SHARE = 0.05
_RETRY_AT_LEAST_SECONDS = 1.0


class Renewal:
    """Renewal of one identity over one channel. A new key each time; the old one stays in use
    until a certificate for the new one is here."""

    def __init__(self, identity: Identity, random: Random) -> None:
        self._identity = identity
        self._due = identity.renew_at(random)
        self._request: KeyRequest | None = None
        self._count = 0

    def seconds_to_next(self, now: datetime) -> float:
        """How long until `due` should be asked again; never long, for clocks jump."""
        return min(_LOOK_AGAIN_SECONDS, max(0.05, (self._due - now).total_seconds()))

    def due(self, now: datetime) -> Csr | None:
        """The request to send at `now`, or None while it is early."""
        if now < self._due:
            return None
        left = (self._identity.ends_at - now).total_seconds()
        pause = max(_RETRY_AT_LEAST_SECONDS, min(ANSWER_SECONDS, left * _RETRY_SHARE))
        self._due = now + timedelta(seconds=pause)
        self._count += 1
        self._request = KeyRequest(self._identity.who.instance)
        return Csr(id=str(self._count), pem=self._request.csr)

    def received(self, cert: Cert, now: datetime) -> Identity | None:
        """The new identity, or None for an answer nobody waits for; raises InvalidCertificate."""
        if self._request is None or cert.id != str(self._count):
            return None
        who = self._identity.who
        request, self._request = self._request, None
        return request.fulfilled(cert, unit=who.unit, app=who.app, now=now)
