"""Whom a verified certificate names, and who is refused though a trusted root signed for it."""

from __future__ import annotations

from typing import cast

import pytest

from proxy.encryption.contexts import Session
from proxy.encryption.peers import REMEMBERED, Peers, WrongPeer

URI = "spiffe://mesh.test/unit/unit1/app/front/instance/front-1"


class Shown:
    """A connection whose handshake succeeded."""

    def __init__(self, *uris: str, der: bytes | None = b"certificate") -> None:
        self._uris = list(uris)
        self._der = der
        self.read = 0

    def getpeercert(self, _binary: bool) -> bytes | None:
        return self._der

    def uris(self) -> list[str]:
        self.read += 1
        return self._uris

    def between(self) -> tuple[bytes, ...]:
        return (b"issuer",)

    def ends_at(self) -> float:
        return 100.0


def who(peers: Peers, shown: Shown, domain: str = "mesh.test") -> str:
    return peers.of(cast("Session", shown), domain).who.uri


def test_a_certificate_is_read_once_and_all_its_connections_share_what_it_says() -> None:
    peers, one, other = Peers(), Shown(URI), Shown(URI)
    assert who(peers, one) == who(peers, other) == URI
    assert (one.read, other.read) == (1, 0)
    known = peers.of(cast("Session", one), "mesh.test")
    assert (known.between, known.ends_at) == ((b"issuer",), 100.0)
    assert peers.of(cast("Session", one), "mesh.test") is peers.of(
        cast("Session", other), "mesh.test"
    )


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (Shown(der=None), "no certificate"),
        (Shown(), "has 0 URIs"),
        (Shown(URI, URI), "has 2 URIs"),
        (Shown("spiffe://mesh.test/discovery"), "not an instance identity"),
        (Shown("https://mesh.test/unit/u/app/a/instance/i"), "not an instance identity"),
        (Shown(URI.replace("mesh.test", "other.test")), "of another trust domain"),
    ],
)
def test_who_is_no_instance_of_the_domain_is_refused_with_a_reason(
    shown: Shown, words: str
) -> None:
    with pytest.raises(WrongPeer, match=words):
        who(Peers(), shown)


def test_what_is_remembered_is_bounded() -> None:
    peers = Peers()
    for n in range(2 * REMEMBERED + 1):
        who(peers, Shown(URI, der=b"%d" % n))
    assert len(peers._known) <= REMEMBERED
