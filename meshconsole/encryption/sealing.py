"""The key of an authority as it is stored: DER for sealing, and a root again when opened; pure."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meshconsole.core.sealing import SealBroken
from meshconsole.encryption.authority import Root


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
