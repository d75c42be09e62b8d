"""Who this sidecar can prove to be: a key made here, a certificate for it, the roots to trust.

All of it lives in this process's memory and ends with it, or goes on in that of the process that
takes over. The standard library takes a certificate
and its key from a path only, so they pass through an anonymous memory file that no directory lists
and that is closed at once.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from proxy.contract.identity import InstanceIdentity, InvalidIdentity, parse_identity
from proxy.contract.session import Cert
from proxy.encryption.carried import Carried
from proxy.encryption.pinning import is_signed_under, one_uri

RENEW_AT = 0.5
RENEW_SPREAD = 0.1


class InvalidCertificate(ValueError):
    """What was issued is not for this key or not for this instance."""


class KeyRequest:
    """A fresh P-256 key and the request that proves it is held; the key never leaves."""

    def __init__(self, instance: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._instance = instance

    def __repr__(self) -> str:
        return f"<KeyRequest of {self._instance}>"

    @property
    def csr(self) -> str:
        """The request in PEM; the console counts nothing in it but the public key."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._instance)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        return request.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def fulfilled(self, cert: Cert, *, unit: str, app: str, now: datetime) -> Identity:
        """The identity that `cert` makes of this key; raises InvalidCertificate."""
        try:
            chain = x509.load_pem_x509_certificates(cert.chain.encode())
            roots = x509.load_pem_x509_certificates(cert.roots.encode())
        except ValueError:
            raise InvalidCertificate("The issued certificate cannot be read.") from None
        leaf = chain[0]
        if _spki(leaf.public_key()) != _spki(self._key.public_key()):
            raise InvalidCertificate("The issued certificate is for another key.")
        if leaf.not_valid_after_utc <= now:
            raise InvalidCertificate("The issued certificate has ended already: compare clocks.")
        try:
            who = parse_identity(one_uri(leaf))
        except InvalidIdentity as error:
            raise InvalidCertificate(str(error)) from None
        if (who.unit, who.app, who.instance) != (unit, app, self._instance):
            raise InvalidCertificate(f"The issued certificate is for {who.uri!r}.")
        return Identity(who, self._key, chain, roots)


class Identity:
    """A certified key: what TLS needs to prove this instance and to know the mesh."""

    def __init__(
        self,
        who: InstanceIdentity,
        key: ec.EllipticCurvePrivateKey,
        chain: list[x509.Certificate],
        roots: list[x509.Certificate],
    ) -> None:
        self.who = who
        self._key = key
        self._chain = chain
        self._roots = roots

    def __repr__(self) -> str:
        return f"<Identity {self.who.uri} until {self.ends_at.isoformat()}>"

    @classmethod
    def of(cls, carried: Carried) -> Identity:
        """The identity that another process passed on; raises InvalidCertificate."""
        try:
            key = load_pem_private_key(carried.key, None)
            chain = x509.load_pem_x509_certificates(carried.chain)
            roots = x509.load_pem_x509_certificates(carried.roots)
            who = parse_identity(one_uri(chain[0]))
        except (ValueError, TypeError, UnsupportedAlgorithm, InvalidIdentity):
            raise InvalidCertificate("The identity that was passed on cannot be read.") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InvalidCertificate("The key that was passed on is of another kind.")
        return cls(who, key, chain, roots)

    def carried(self) -> Carried:
        """Everything of it, for the process that takes over; for memory only."""
        return Carried(
            key=self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            chain=_pem(self._chain).encode(),
            roots=_pem(self._roots).encode(),
        )

    @property
    def begins_at(self) -> datetime:
        """Since when the certificate holds."""
        return self._chain[0].not_valid_before_utc

    @property
    def ends_at(self) -> datetime:
        """When the certificate ends."""
        return self._chain[0].not_valid_after_utc

    @property
    def serial(self) -> str:
        """The certificate's serial number, in hex."""
        return f"{self._chain[0].serial_number:x}"

    @property
    def der(self) -> bytes:
        """The certificate as peers see it."""
        return self._chain[0].public_bytes(Encoding.DER)

    @property
    def issuer(self) -> str:
        """The SubjectKeyIdentifier of who signed the certificate, in hex; empty if it is unsaid."""
        return issuer_of(self._chain[0])

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots that came with the certificate, in PEM."""
        return tuple(_pem([one]) for one in self._roots)

    @property
    def between(self) -> tuple[bytes, ...]:
        """The authorities between the certificate and its root, in DER."""
        return tuple(one.public_bytes(Encoding.DER) for one in self._chain[1:])

    def is_issued_under(self, roots: Iterable[str]) -> bool:
        """Do the signatures of the certificate's chain end at one of these roots (PEM)?"""
        known = [x509.load_pem_x509_certificate(root.encode()) for root in roots]
        return is_signed_under(self._chain[0], known, self._chain[1:])

    @property
    def discovery_uri(self) -> str:
        """The console's identity in the same mesh."""
        return f"spiffe://{self.who.trust_domain}/discovery"

    def expired(self, now: datetime) -> bool:
        """Would a peer refuse the certificate at `now`?"""
        return now >= self.ends_at

    def renew_at(self, random: Random) -> datetime:
        """Half way through its life, spread by a tenth so that a mesh does not renew at once."""
        share = RENEW_AT + random.uniform(-RENEW_SPREAD, RENEW_SPREAD)
        return self.begins_at + share * (self.ends_at - self.begins_at)

    def client_context(self, more: Iterable[str] = ()) -> ssl.SSLContext:
        """TLS 1.3 towards the console: own certificate shown, the console's demanded.

        It is believed under the roots that came with the certificate, and under `more` (PEM): while
        roots are rotated, the console may be of the next one before this certificate is.

        Names of hosts mean nothing here: check the peer's URI after the handshake.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata="".join(dict.fromkeys([*self.roots, *more])))
        self.prove_in(context)
        return context

    def prove_in(self, context: ssl.SSLContext) -> None:
        """Show the certificate in handshakes of this context."""
        private = (
            self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + _pem(self._chain).encode()
        )
        handle = os.memfd_create("identity", os.MFD_CLOEXEC)
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(private)
            context.load_cert_chain(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)


def peer_uri(tls: ssl.SSLObject | ssl.SSLSocket | None) -> str:
    """The one URI of the verified certificate that a peer has shown, or an empty string."""
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return one_uri(x509.load_der_x509_certificate(der)) if der else ""


def issuer_of(certificate: x509.Certificate) -> str:
    """The key identifier (hex) of who signed it; empty if it is unsaid."""
    try:
        said = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return (said.key_identifier or b"").hex()


def subject_of(root: str) -> str:
    """The SubjectKeyIdentifier (hex) of a certificate in PEM; empty if it is unsaid."""
    certificate = x509.load_pem_x509_certificate(root.encode())
    try:
        said = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return said.digest.hex()


def is_der_issued_under(der: bytes, roots: Iterable[str], between: Iterable[bytes]) -> bool:
    """Do signatures lead from a certificate, perhaps through authorities `between` (DER), to one of
    these roots (PEM)?"""
    known = [x509.load_pem_x509_certificate(root.encode()) for root in roots]
    others = [x509.load_der_x509_certificate(one) for one in between]
    return is_signed_under(x509.load_der_x509_certificate(der), known, others)


def utc_now() -> datetime:
    """The time certificates are judged by."""
    return datetime.now(UTC)


def _pem(certificates: list[x509.Certificate]) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def _spki(key: object) -> bytes:
    der: bytes = key.public_bytes(  # type: ignore[attr-defined]
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return der
