"""A PKI mount as Vault serves it, on real TLS: it signs by its role and refuses what Vault refuses.

Written after the documented API of the secrets engine; a role is a few of its real settings.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meshconsole.encryption import authority
from meshconsole.encryption.authority import Root
from meshconsole.encryption.vault import VaultPlace

TOKEN = "hvs.of-the-tests"
MAX_TTL = timedelta(hours=72)


def a_name(text: str) -> x509.Name:
    """A subject with this common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def an_authority(name: str, issuer: Root | None = None) -> Root:
    """A root, or an intermediate that `issuer` signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(a_name(name))
        .issuer_name(issuer.certificate.subject if issuer else a_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    signing: Any = issuer.key if issuer else key
    return Root(made.sign(signing, hashes.SHA256()), key)


@dataclass
class Role:
    """The settings of a role that decide what comes out of `sign`."""

    allowed_uri_sans: str = "spiffe://mesh.local/"
    use_csr_sans: bool = False
    server_flag: bool = True
    client_flag: bool = True
    longer: timedelta = timedelta()
    """Lives so much longer than was asked, as a role with a fixed `not_after` would."""


@dataclass
class FakeVault:
    """What the mount is set up with; tests change it while it serves."""

    signs: Root
    above: tuple[Root, ...] = ()
    role: Role = field(default_factory=Role)
    failing: list[int] = field(default_factory=list)
    """Statuses to answer with before anything else; 0 hangs up instead."""
    asked: list[str] = field(default_factory=list)
    place: VaultPlace | None = None


@contextmanager
def a_vault(folder: Path, signs: Root, *above: Root) -> Iterator[FakeVault]:
    """A mount that serves until the end, its token in a file and its TLS of a root in a file."""
    vault = FakeVault(signs, above)
    tls = an_authority("tls of vault")
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: _Handler(vault, *given))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_server_file(folder, tls))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "vault-ca.pem").write_text(tls.pem)
    vault.place = VaultPlace(
        address=f"https://127.0.0.1:{server.server_address[1]}",
        mount="pki",
        role="mesh",
        token_file=folder / "token",
        ca_file=folder / "vault-ca.pem",
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _server_file(folder: Path, issuer: Root) -> Path:
    public, private = authority.key_create()
    leaf = authority.leaf_issue(
        issuer,
        key=public,
        uri="https://vault.test",
        common_name="vault",
        now=datetime.now(UTC),
        life=timedelta(hours=1),
        hosts=["127.0.0.1"],
    )
    file = folder / "vault-server.pem"
    file.write_text(private + leaf.pem)
    return file


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, vault: FakeVault, *given: Any) -> None:
        self._vault = vault
        super().__init__(*given)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """The authority and its chain."""
        roots = {"ca": [self._vault.signs], "ca_chain": [self._vault.signs, *self._vault.above]}
        which = self.path.removeprefix("/v1/pki/cert/")
        if self._may(token_needed=False):
            if which in roots:
                self._answer(200, {"data": {"certificate": "\n".join(r.pem for r in roots[which])}})
            else:
                self._answer(404, {"errors": []})

    def do_POST(self) -> None:
        """Sign by the role."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._may(token_needed=True):
            return
        if not self.path.startswith("/v1/pki/sign/"):
            self._answer(404, {"errors": ["no handler for route. route entry not found."]})
        elif self.path != "/v1/pki/sign/mesh":
            self._answer(400, {"errors": [f"unknown role: {self.path.rpartition('/')[2]}"]})
        else:
            self._sign(body)

    def _may(self, *, token_needed: bool) -> bool:
        self._vault.asked.append(f"{self.command} {self.path}")
        if self._vault.failing:
            status = self._vault.failing.pop(0)
            if status:
                self._answer(status, {"errors": [_SAYS.get(status, "internal error")]})
            else:
                self.close_connection = True
            return False
        if token_needed and self.headers.get("X-Vault-Token") != TOKEN:
            self._answer(403, {"errors": ["permission denied"]})
            return False
        return True

    def _sign(self, body: dict[str, Any]) -> None:
        role = self._vault.role
        try:
            csr = x509.load_pem_x509_csr(body["csr"].encode())
        except (KeyError, ValueError):
            self._answer(400, {"errors": ["certificate request could not be parsed"]})
            return
        life = timedelta(seconds=int(body["ttl"].rstrip("s")))
        uris = [one for one in body.get("uri_sans", "").split(",") if one]
        if not all(one.startswith(role.allowed_uri_sans) for one in uris):
            self._answer(400, {"errors": ["URI Subject Alternative Names were provided via the "
                                          "API which are not valid for this role"]})  # fmt: skip
            return
        if life > MAX_TTL:
            self._answer(400, {"errors": ["cannot satisfy request, as TTL would result in "
                                          "notAfter beyond the expiration of the CA"]})  # fmt: skip
            return
        leaf = _leaf(self._vault, csr, body, uris, life + role.longer)
        self._answer(200, {"data": {
            "certificate": authority.certificate_pem(leaf),
            "issuing_ca": self._vault.signs.pem,
            "ca_chain": [one.pem for one in (self._vault.signs, *self._vault.above)],
            "serial_number": f"{leaf.serial_number:x}",
        }})  # fmt: skip

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


_SAYS = {503: "Vault is sealed", 429: 'request path "pki/sign/mesh": rate limit quota exceeded'}


def _leaf(
    vault: FakeVault,
    csr: x509.CertificateSigningRequest,
    body: dict[str, Any],
    uris: list[str],
    life: timedelta,
) -> x509.Certificate:
    now, role = datetime.now(UTC), vault.role
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(one) for one in uris]
    names += [x509.DNSName(one) for one in body.get("alt_names", "").split(",") if one]
    names += [
        x509.IPAddress(ipaddress.ip_address(one))
        for one in body.get("ip_sans", "").split(",")
        if one
    ]
    if role.use_csr_sans:
        extension = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = list(extension.value)
    uses = [ExtendedKeyUsageOID.SERVER_AUTH] if role.server_flag else []
    uses += [ExtendedKeyUsageOID.CLIENT_AUTH] if role.client_flag else []
    key: Any = csr.public_key()
    issuer = vault.signs.certificate
    ski = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    made = (
        x509.CertificateBuilder()
        .subject_name(a_name(body["common_name"]))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # as not_before_duration says
        .not_valid_after(now + life)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski), critical=False
        )
    )
    return made.sign(vault.signs.key, hashes.SHA256())


def elsewhere(place: VaultPlace, **fields: Any) -> VaultPlace:
    """The same place with something else about it."""
    return replace(place, **fields)
