"""Who signs leaves: one shape for a key in this process and for an authority somewhere else.

The console decides what a leaf says. A signer outside is told, and what it gives back is believed
in nothing: key, names, uses, life and issuer are compared with what was decided, so a role that is
set up carelessly cannot make an identity that the console did not mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from meshconsole.encryption.authority import (
    BACKDATE,
    Leaf,
    LeafKey,
    Root,
    certificate_pem,
    key_sha256,
    leaf_issue,
)

_CHAIN_LIMIT = 4
_USES = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


class SigningFailed(Exception):
    """No certificate just now, or never this way; the text says what to look at."""


@dataclass(frozen=True)
class Wanted:
    """A leaf as the console decided it; `csr` proves that `key` is held and says nothing else."""

    key: LeafKey
    csr: str
    uri: str
    common_name: str
    life: timedelta
    hosts: tuple[str, ...] = ()
    """DNS names and addresses, of the console's own certificate only."""


@dataclass(frozen=True)
class Shown:
    """What an authority shows: its root, and whoever stands between it and leaves, in PEM."""

    root: str
    chain: str

    @property
    def signs(self) -> str:
        """The certificate that leaves are issued by."""
        return self.chain or self.root


class Signer(Protocol):
    """Able to sign leaves of one generation."""

    def sign(self, wanted: Wanted, *, now: datetime) -> Leaf:
        """The leaf, exactly as wanted; raises SigningFailed."""


class KeySigner:
    """Signs with a key in this process."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def sign(self, wanted: Wanted, *, now: datetime) -> Leaf:
        """The leaf."""
        return leaf_issue(
            self._root,
            key=wanted.key,
            uri=wanted.uri,
            common_name=wanted.common_name,
            now=now,
            life=wanted.life,
            hosts=wanted.hosts,
        )


def shown_of(signs: x509.Certificate, others: list[x509.Certificate], *, now: datetime) -> Shown:
    """The way from the certificate that signs up to its root; raises SigningFailed."""
    way = [signs]
    for _ in range(_CHAIN_LIMIT):
        at = way[-1]
        _check_authority(at, now)
        if is_signed_by(at, at):
            chain = "".join(certificate_pem(one) for one in way[:-1])
            return Shown(certificate_pem(at), chain)
        above = next((one for one in others if one not in way and is_signed_by(at, one)), None)
        if above is None:
            raise SigningFailed(
                f"Who signed {_named(at)} is missing: put the chain up to its root beside it."
            )
        way.append(above)
    raise SigningFailed(f"The chain has more than {_CHAIN_LIMIT} authorities.")


def leaf_accept(pem: str, wanted: Wanted, issuer: x509.Certificate, *, now: datetime) -> Leaf:
    """The leaf that an authority outside made, if it is what was wanted; raises SigningFailed."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        faults = _faults(certificate, wanted, issuer, now)
    except (ValueError, UnsupportedAlgorithm):
        raise SigningFailed("What the authority signed cannot be read as a certificate.") from None
    if faults:
        raise SigningFailed(f"The authority signed something else than it was asked: {faults[0]}")
    return Leaf(
        pem=certificate_pem(certificate),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_sha256=key_sha256(wanted.key),
    )


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Did `issuer`'s key sign this certificate, and does it say so?"""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _faults(
    leaf: x509.Certificate, wanted: Wanted, issuer: x509.Certificate, now: datetime
) -> list[str]:
    checks = (
        (
            is_signed_by(leaf, issuer) and _issuer_key(leaf) == _subject_key(issuer),
            "another authority signed it; add that one as a generation of its own.",
        ),
        (key_sha256(leaf.public_key()) == key_sha256(wanted.key), "it is for another key."),
        (
            _names(leaf) == {("uri", wanted.uri), *(("host", host) for host in wanted.hosts)},
            "it has other names; let the role take names from the request's parameters only "
            "(use_csr_sans=false, exclude_cn_from_sans allowed).",
        ),
        (not _is_authority(leaf), "it may sign others."),
        (_uses(leaf) >= _USES, "it is not for both sides of TLS; set server_flag and client_flag."),
        (
            leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc,
            "it is not valid now; compare both clocks.",
        ),
        (
            leaf.not_valid_after_utc <= now + wanted.life + BACKDATE,
            "it lives longer than was asked; look at the role's ttl.",
        ),
    )
    return [sentence for is_right, sentence in checks if not is_right]


def _check_authority(certificate: x509.Certificate, now: datetime) -> None:
    if not _is_authority(certificate) or not _subject_key(certificate):
        raise SigningFailed(
            f"{_named(certificate)} is no authority: it needs CA:TRUE and a SubjectKeyIdentifier."
        )
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise SigningFailed(f"{_named(certificate)} is not valid now.")


def _named(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:100] or "the certificate"


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _subject_key(certificate: x509.Certificate) -> bytes:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return b""
    return found.value.digest


def _issuer_key(certificate: x509.Certificate) -> bytes | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    return found.value.key_identifier


def _uses(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return set()


def _names(certificate: x509.Certificate) -> set[tuple[str, str]]:
    """Every name of the certificate, each kind that is not expected under its own word."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    words: dict[type[x509.GeneralName], str] = {
        x509.UniformResourceIdentifier: "uri",
        x509.DNSName: "host",
        x509.IPAddress: "host",
    }
    return {(words.get(type(name), type(name).__name__), str(name.value)) for name in names}
