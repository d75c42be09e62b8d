"""Is this peer the console? Told from one hash, before anything secret is said to it.

A sidecar that joins has no root yet, only the pin in its token: the sha256 of the root's public key
(SubjectPublicKeyInfo, DER). Python 3.11 shows an unverified peer's leaf but not its chain, so the
enrolment door sends its roots in a header of the handshake's answer. Nothing in that header is
believed: a root counts when its key hashes to the pin, and only then must it have signed the leaf
that the TLS handshake was made with. The handshake proved that the peer holds the leaf's key; the
signature, that the pinned root vouches for the leaf; the leaf's one URI, that it is the console's
own and not that of some instance, which the same root vouches for too. Whoever stands between has
neither key, and the token is sent only afterwards, inside that same TLS connection.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_DISCOVERY = "/discovery"
_HEADER_LIMIT = 64 * 1024
_CHAIN_LIMIT = 4


class NotTheConsole(Exception):
    """The peer could not show that it is the console; nothing secret was sent."""


def roots_of_header(header: str) -> list[x509.Certificate]:
    """The certificates of a roots header; raises NotTheConsole when it holds something else."""
    if not header or len(header) > _HEADER_LIMIT:
        raise NotTheConsole("The enrolment door did not show its roots: is --enrol the right one?")
    try:
        return [
            x509.load_der_x509_certificate(base64.b64decode(part.strip(), validate=True))
            for part in header.split(",")
        ]
    except (ValueError, binascii.Error):
        raise NotTheConsole("The enrolment door's roots cannot be read.") from None


def pin_of(certificate: x509.Certificate) -> str:
    """The sha256 of the certificate's public key, 64 hex digits."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def check_pinned(
    leaf_der: bytes, shown: Iterable[x509.Certificate], pin: str, now: datetime
) -> str:
    """The trust domain of the console that `leaf_der` belongs to; raises NotTheConsole."""
    certificates = list(shown)
    root = next((one for one in certificates if pin_of(one) == pin), None)
    if root is None:
        raise NotTheConsole(
            "The enrolment door's root is not the one that the join token names: "
            "the token is of another mesh, or something stands between. Nothing was sent."
        )
    try:
        leaf = x509.load_der_x509_certificate(leaf_der)
    except ValueError:
        raise NotTheConsole("The enrolment door's certificate cannot be read.") from None
    _check_chain(leaf, root, certificates, now)
    uri = one_uri(leaf)
    if not uri.startswith("spiffe://") or not uri.endswith(_DISCOVERY) or uri.count("/") != 3:
        raise NotTheConsole(f"The peer at the enrolment door is {uri[:200]!r}, not the console.")
    return uri.removeprefix("spiffe://").removesuffix(_DISCOVERY)


def one_uri(certificate: x509.Certificate) -> str:
    """The certificate's only URI name, or an empty string when it has none or several."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if len(uris) == 1 else ""


def is_signed_under(
    leaf: x509.Certificate, roots: list[x509.Certificate], between: list[x509.Certificate]
) -> bool:
    """Do signatures lead from `leaf`, perhaps through authorities `between`, to one of `roots`?"""
    at = leaf
    for _ in range(_CHAIN_LIMIT):
        if any(_signed(at, root) for root in roots):
            return True
        issuer = next((one for one in between if one is not at and _signed(at, one)), None)
        if issuer is None:
            return False
        at = issuer
    return False


def _check_chain(
    leaf: x509.Certificate,
    root: x509.Certificate,
    between: list[x509.Certificate],
    now: datetime,
) -> None:
    """Follow signatures from `leaf` to `root`, every link an authority and in force at `now`."""
    at = leaf
    for _ in range(_CHAIN_LIMIT):
        _check_time(at, now)
        if _signed(at, root):
            _check_time(root, now)
            return
        issuer = next((one for one in between if one is not at and _signed(at, one)), None)
        if issuer is None:
            break
        at = issuer
    raise NotTheConsole(
        "The enrolment door's certificate is not signed by the root that the join token names. "
        "Nothing was sent."
    )


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca:
            return False
        certificate.verify_directly_issued_by(issuer)
    except (
        x509.ExtensionNotFound,
        InvalidSignature,
        UnsupportedAlgorithm,
        ValueError,
        TypeError,
    ):
        return False
    return True


def _check_time(certificate: x509.Certificate, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise NotTheConsole(
            "A certificate of the enrolment door is not valid now: compare both clocks."
        )
