"""A mesh's root and what it signs, for tests that stand in for the console."""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from meshconsole.encryption import authority
from proxy.contract.session import Cert

TRUST_DOMAIN = "mesh.test"
DISCOVERY = f"spiffe://{TRUST_DOMAIN}/discovery"


class MeshRoot:
    """A root of its own; two of them do not know each other."""

    def __init__(self, generation: int = 1) -> None:
        self.root = authority.root_create(
            trust_domain=TRUST_DOMAIN, generation=generation, now=datetime.now(UTC)
        )

    @property
    def pem(self) -> str:
        """The root's certificate."""
        return self.root.pem

    @property
    def pin(self) -> str:
        """What a token carries."""
        return authority.root_pin(self.root.certificate)

    @property
    def header(self) -> str:
        """What the enrolment door shows."""
        return base64.b64encode(self.root.certificate.public_bytes(Encoding.DER)).decode()

    def token(self, word: str = "a-secret-of-the-tests") -> str:
        """A join token of this mesh."""
        return f"mcj_{word}.{self.pin}"

    def cert(
        self, csr: str, uri: str, *, id: str = "join", life: timedelta = timedelta(hours=24)
    ) -> Cert:
        """Sign a request for `uri`; a negative life is one that has ended."""
        leaf = authority.leaf_issue(
            self.root,
            key=authority.csr_public_key(csr),
            uri=uri,
            common_name="instance",
            now=datetime.now(UTC),
            life=life,
        )
        return Cert(id=id, chain=leaf.pem, roots=self.pem, not_after=leaf.not_after.timestamp())

    def server_context(self, folder: Path, *, uri: str = DISCOVERY, mutual: bool) -> ssl.SSLContext:
        """TLS for a server that is `uri`; `mutual` demands a certificate of this mesh."""
        public, private = authority.key_create()
        leaf = authority.leaf_issue(
            self.root,
            key=public,
            uri=uri,
            common_name="server",
            now=datetime.now(UTC),
            life=timedelta(hours=1),
            hosts=["127.0.0.1"],
        )
        file = folder / "server.pem"
        file.write_text(private + leaf.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(file)
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.pem)
        return context
