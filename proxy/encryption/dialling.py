"""How an endpoint is to be dialled just now: the decision, without clock, socket or key.

A connection is made in a `Way`, and the way's generation names everything that it depends on: who
the endpoint must prove to be, whom the mesh trusts, and with which certificate this side proves
itself. When one of them changes, so does the generation that is wanted, and connections of another
one are replaced (`proxy.encryption.elimination`). Plaintext depends on nothing and is always the
same generation. What an endpoint says (`offered`, `required`) is not part of it: it decides between
the two, and whether plaintext may serve as well.
"""

from __future__ import annotations

import hashlib
from collections import deque

import msgspec

from proxy.contract.snapshot import Offer

FAILURES = 3
FAILURES_SECONDS = 30.0
PLAIN_SECONDS = 60.0
"""So many failed handshakes in so long send an edge that may be plain back to plaintext for this
long."""
PLAIN_GENERATION = "plain"


class Way(msgspec.Struct, frozen=True):
    """What a connection is made with."""

    generation: str
    encrypted: bool
    peer: str = ""
    """The URI that the other end has to prove; empty believes everybody of the roots."""


PLAIN = Way(PLAIN_GENERATION, False)


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What this side can prove, and whom it believes."""

    why_not: str = ""
    """Why it can prove nothing, in words."""
    domain: str = ""
    trust: str = ""
    """Another when the roots are."""
    serial: str = ""
    """Another when its certificate is."""
    ends_at: float = 0.0
    """When that ends; Unix time."""


class Wanted(msgspec.Struct, frozen=True):
    """How to dial, and what else may serve until that has been done."""

    way: Way
    plain_too: bool = True
    """May requests go in plaintext?"""
    refusal: str = ""
    """Why nothing may be dialled at all."""


PLAINLY = Wanted(PLAIN)


def wanted(offer: Offer, unit: str, app: str, instance: str, own: Own, fell_back: bool) -> Wanted:
    """How to dial an endpoint that says `offer`; `fell_back` when handshakes with it fail."""
    if offer == "off":
        return PLAINLY
    required = offer == "required"
    if own.why_not:
        if not required:
            return PLAINLY
        return Wanted(PLAIN, False, f"it takes TLS only, and this sidecar cannot: {own.why_not}")
    if fell_back and not required:
        return PLAINLY
    peer = f"spiffe://{own.domain}/unit/{unit}/app/{app}/instance/{instance}"
    return Wanted(Way(_generation(peer, own), True, peer), not required)


def wrong_peer(way: Way, shown: list[str]) -> str:
    """Why an endpoint that proved to be `shown` is not the one that was dialled; empty when it
    is."""
    if not way.peer or shown == [way.peer]:
        return ""
    proved = repr(shown[0][:200]) if len(shown) == 1 else f"{len(shown)} names"
    return f"it proved to be {proved}, not {way.peer!r}"


class Trials:
    """Handshakes with one endpoint that failed, and what follows from them."""

    __slots__ = ("_failures", "plain_until")

    def __init__(self) -> None:
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self.plain_until = 0.0
        """Until then it is dialled in plaintext if it may be."""

    def failed(self, now: float) -> bool:
        """One more failed; is it the one that sends the edge back to plaintext?"""
        if now < self.plain_until:
            return False
        self._failures.append(now)
        if len(self._failures) < FAILURES or now - self._failures[0] > FAILURES_SECONDS:
            return False
        self._failures.clear()
        self.plain_until = now + PLAIN_SECONDS
        return True

    def succeeded(self) -> None:
        """One went well."""
        self._failures.clear()


def _generation(peer: str, own: Own) -> str:
    told = "\n".join(("tls", peer, own.trust, own.serial))
    return hashlib.sha256(told.encode()).hexdigest()[:12]
