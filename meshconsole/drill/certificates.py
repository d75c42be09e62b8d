"""A throw-away authority and one leaf of it, as the TLS flags of a stand-alone proxy want them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshconsole.drill.callers import LOOPBACK

HOURS = 24


def issue(folder: Path) -> tuple[Path, Path, Path]:
    """Write certificate, key and authority, for both sides of mutual TLS."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = _name("a drill's authority")
    root = (
        _builder(name, name, authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))])
    leaf = (
        _builder(_name("a drill"), name, key)
        .add_extension(here, critical=False)
        .sign(authority, hashes.SHA256())
    )
    cert_file, key_file, ca_file = (folder / file for file in ("leaf.pem", "leaf.key", "ca.pem"))
    ca_file.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    cert_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file, ca_file


def client(files: tuple[Path, Path, Path]) -> ssl.SSLContext:
    """For a caller that shows the leaf and believes its authority."""
    cert_file, key_file, ca_file = files
    context = ssl.create_default_context(cafile=str(ca_file))
    context.load_cert_chain(cert_file, key_file)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=HOURS))
    )
