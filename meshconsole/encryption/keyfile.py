"""An authority whose key is in a file: PEM with the private key, its certificate and its chain."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from meshconsole.encryption.authority import Root, key_sha256
from meshconsole.encryption.signing import Shown, SigningFailed, shown_of

_OTHERS = 0o007
_LEAST_RSA_BITS = 2048


def keyfile_read(path: Path, *, now: datetime) -> tuple[Root, Shown]:
    """The authority in a file, and what it shows; raises SigningFailed.

    The certificate that belongs to the key signs; the others are its chain, in any order. A file
    that everybody may read is refused.
    """
    try:
        if path.stat().st_mode & _OTHERS:
            raise SigningFailed(f"Everybody may read {path}: take that right away (chmod o= ).")
        raw = path.read_bytes()
    except OSError as error:
        raise SigningFailed(f"The authority's file cannot be read: {error}") from None
    try:
        key = serialization.load_pem_private_key(raw, password=None)
        certificates = x509.load_pem_x509_certificates(raw)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningFailed(
            f"{path} has to hold a private key (PEM, not encrypted) and its certificates."
        ) from None
    if not _is_fit(key):
        raise SigningFailed(f"The key in {path} is neither EC nor RSA of 2048 bits or more.")
    wanted = key_sha256(key.public_key())
    signs = next((one for one in certificates if key_sha256(one.public_key()) == wanted), None)
    if signs is None:
        raise SigningFailed(f"No certificate in {path} belongs to its key.")
    return Root(signs, key), shown_of(signs, certificates, now=now)  # type: ignore[arg-type]


def _is_fit(key: object) -> bool:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.key_size >= _LEAST_RSA_BITS
    return isinstance(key, ec.EllipticCurvePrivateKey)
