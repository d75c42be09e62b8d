"""Keys at rest: sealed under a key-encryption key that is not where they are; pure."""

from __future__ import annotations

import os

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meshconsole.encryption.authority import Root

_NONCE_BYTES = 12


class SealBroken(ValueError):
    """A sealed key does not open: another key-encryption key, or the bytes were changed."""


def root_load(certificate_text: str, key_der: bytes) -> Root:
    """A root from its stored certificate (PEM) and its opened key (PKCS#8 DER)."""
    key = serialization.load_der_private_key(key_der, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SealBroken("The stored key of the authority is not an EC key.")
    return Root(x509.load_pem_x509_certificate(certificate_text.encode()), key)


def root_key_der(root: Root) -> bytes:
    """The private key for sealing; never written anywhere unsealed."""
    return root.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def seal(secret: bytes, *, kek: bytes, context: str) -> bytes:
    """AES-256-GCM under the key-encryption key; `context` must be given again to open it."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(kek).encrypt(nonce, secret, context.encode())


def unseal(sealed: bytes, *, kek: bytes, context: str) -> bytes:
    """Open what `seal` closed; raises SealBroken."""
    try:
        return AESGCM(kek).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        raise SealBroken(
            "The authority's key does not open: MESH_KEK_FILE is not the file it was sealed with."
        ) from None
