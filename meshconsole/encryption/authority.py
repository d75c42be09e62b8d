"""Pure certificate work: roots, leaves, requests read with suspicion.

The authority signs what it decided and nothing that a request asks for: of a CSR only the public
key counts, and only after its owner proved to hold the private one. Each generation's root has a
common name and a SubjectKeyIdentifier of its own; without both, a rotation that trusts two
generations at once makes verifiers pick the wrong one and fail handshakes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROOT_LIFE = timedelta(days=3650)
BACKDATE = timedelta(minutes=5)
"""Clocks of a mesh differ a little; a leaf is valid from a little before it was signed."""
_CSR_LIMIT_BYTES = 16 * 1024
_RSA_BITS = range(2048, 8193)

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LeafKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class CsrRefused(ValueError):
    """A certificate request is outside policy; `code` is stable, the text says what to do."""

    def __init__(self, code: str, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


@dataclass(frozen=True)
class Root:
    """An authority able to sign leaves: its certificate and its private key."""

    certificate: x509.Certificate
    key: SigningKey

    @property
    def pem(self) -> str:
        """The certificate alone, for bundles."""
        return certificate_pem(self.certificate)


@dataclass(frozen=True)
class Leaf:
    """A signed leaf and the facts an issuance log keeps."""

    pem: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_sha256: str


def root_create(*, trust_domain: str, generation: int, now: datetime) -> Root:
    """A new self-signed root that can sign leaves of one trust domain only."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = _serial()
    name = x509.Name(
        [
            x509.NameAttribute(
                NameOID.COMMON_NAME, f"{trust_domain[:32]} root {generation} {serial:032x}"[:64]
            )
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.NameConstraints([x509.UniformResourceIdentifier(trust_domain)], None),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    return Root(certificate, key)


def leaf_issue(
    root: Root,
    *,
    key: LeafKey,
    uri: str,
    common_name: str,
    now: datetime,
    life: timedelta,
    hosts: Sequence[str] = (),
) -> Leaf:
    """Sign a leaf for both sides of TLS with exactly one URI; `hosts` are DNS names or addresses.

    A leaf never outlives its root.
    """
    not_after = min(now + life, root.certificate.not_valid_after_utc)
    serial = _serial()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])]))
        .issuer_name(root.certificate.subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(_names(uri, hosts), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                _subject_key(root.certificate)
            ),
            critical=False,
        )
        .sign(root.key, hashes.SHA256())
    )
    return Leaf(
        pem=certificate_pem(certificate),
        serial=f"{serial:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_sha256=key_sha256(key),
    )


def csr_public_key(pem: str) -> LeafKey:
    """The public key of a request whose sender proved to hold the private one.

    Names, extensions and attributes of the request are not read at all. Raises CsrRefused with
    `csr_size`, `csr_malformed`, `csr_key` or `csr_proof`.
    """
    if len(pem) > _CSR_LIMIT_BYTES:
        raise CsrRefused("csr_size", f"A request has at most {_CSR_LIMIT_BYTES} bytes.")
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        key = csr.public_key()
    except (ValueError, UnsupportedAlgorithm, UnicodeError):
        raise CsrRefused(
            "csr_malformed", "This is not a certificate request in PEM; create it again."
        ) from None
    accepted = _accepted(key)
    try:
        proven = csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        proven = False
    if not proven:
        raise CsrRefused(
            "csr_proof", "The request is not signed by its own key; sign it with that key."
        )
    return accepted


def _accepted(key: object) -> LeafKey:
    match key:
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return key
        case ed25519.Ed25519PublicKey():
            return key
        case rsa.RSAPublicKey() if key.key_size in _RSA_BITS:
            return key
    raise CsrRefused(
        "csr_key",
        "This kind of key is not accepted: use EC P-256, Ed25519, or RSA of 2048 to 8192 bits.",
    )


def root_pin(certificate: x509.Certificate) -> str:
    """What a join token carries to recognise the root: sha256 of its public key, in hex."""
    return key_sha256(certificate.public_key())


def key_sha256(key: object) -> str:
    """sha256 of a public key (SubjectPublicKeyInfo), in hex."""
    der: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def key_identifier(pem: str) -> str:
    """SubjectKeyIdentifier of the first certificate in `pem`, in hex: how leaves name an issuer."""
    return _subject_key(certificate_load(pem)).digest.hex()


def certificate_load(pem: str) -> x509.Certificate:
    """Read one certificate in PEM."""
    return x509.load_pem_x509_certificate(pem.encode())


def certificate_der(pem: str) -> bytes:
    """The same certificate in DER."""
    return certificate_load(pem).public_bytes(serialization.Encoding.DER)


def certificate_pem(certificate: x509.Certificate) -> str:
    """The certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_create() -> tuple[LeafKey, str]:
    """A fresh P-256 key for this process's own leaf: public half, and private half in PEM."""
    public, private, _ = request_create("")
    return public, private


def request_create(common_name: str) -> tuple[LeafKey, str, str]:
    """A fresh P-256 key: public half, private half in PEM, and a request that proves it is held."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key.public_key(), pem.decode(), csr.decode()


def utc(epoch_seconds: float) -> datetime:
    """An aware time from epoch seconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC)


def _names(uri: str, hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return x509.SubjectAlternativeName(names)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _subject_key(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


def _serial() -> int:
    return int.from_bytes(os.urandom(16), "big") or 1
