"""When to ask for the next certificate, and what to make of the answer; without clock or socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from proxy.contract.session import Cert, Csr
from proxy.encryption.identity import Identity, KeyRequest

ANSWER_SECONDS = 30.0
EARLY_SECONDS = 10.0
ENDPOINTS_PER_SECOND = 50.0
_EARLY_AGAIN = timedelta(minutes=1)
_EARLY_LIMIT = timedelta(hours=1)
_LOOK_AGAIN_SECONDS = 60.0
_RETRY_SHARE = 0.05
_RETRY_AT_LEAST_SECONDS = 1.0


class Early:
    """Renewals ahead of time because another root signs now: remembered from stream to stream, so
    that a console which goes on signing with the old one is asked ever less often."""

    def __init__(self) -> None:
        self._issuer = ""
        self._again_at = datetime.min.replace(tzinfo=UTC)
        self._pause = timedelta(0)

    def may(self, issuer: str, now: datetime) -> bool:
        """May a leaf of this issuer be asked for?"""
        return issuer != self._issuer or now >= self._again_at

    def asked(self, issuer: str, now: datetime) -> None:
        """It was."""
        again = issuer == self._issuer
        self._pause = min(2 * self._pause, _EARLY_LIMIT) if again else _EARLY_AGAIN
        self._issuer = issuer
        self._again_at = now + self._pause


class Renewal:
    """Renewal of one identity over one channel. A new key each time; the old one stays in use
    until a certificate for the new one is here."""

    def __init__(self, identity: Identity, random: Random, early: Early | None = None) -> None:
        self._identity = identity
        self._random = random
        self._due = identity.renew_at(random)
        self._early = early or Early()
        self._issuer = ""
        """Of which a leaf is wanted ahead of time; empty when the one that is held will do."""
        self._request: KeyRequest | None = None
        self._count = 0

    def seconds_to_next(self, now: datetime) -> float:
        """How long until `due` should be asked again; never long, for clocks jump."""
        return min(_LOOK_AGAIN_SECONDS, max(0.05, (self._due - now).total_seconds()))

    def follow(self, issuer: str, endpoints: int, now: datetime) -> None:
        """The mesh's leaves are of this issuer now: a leaf of another is renewed in a moment, later
        in a mesh of many endpoints, so that not everybody asks at once."""
        if not issuer or issuer == self._identity.issuer or not self._early.may(issuer, now):
            self._issuer = ""
        elif issuer != self._issuer:
            self._issuer = issuer
            spread = max(EARLY_SECONDS, endpoints / ENDPOINTS_PER_SECOND)
            self._due = min(self._due, now + timedelta(seconds=self._random.uniform(0, spread)))

    def hurry(self, now: datetime) -> None:
        """Be due at once."""
        self._due = min(self._due, now)

    def due(self, now: datetime) -> Csr | None:
        """The request to send at `now`, or None while it is early."""
        if now < self._due:
            return None
        if self._issuer:
            self._early.asked(self._issuer, now)
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
