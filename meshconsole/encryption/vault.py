"""An authority in HashiCorp Vault or OpenBao: `POST /v1/<mount>/sign/<role>` over verified TLS.

The token is read from its file for every request, so whoever renews it needs to tell nobody. It is
sent to one address only and no redirect is followed. A request is tried again when nothing was
signed for a reason that passes: no connection, sealed, too many requests, an inner error.
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509

from meshconsole.encryption.authority import Leaf, certificate_load
from meshconsole.encryption.signing import Shown, SigningFailed, Wanted, leaf_accept, shown_of

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
TRIES = 3
PAUSE_SECONDS = 0.2
_LIMIT_BYTES = 256 * 1024
_PASSING = frozenset({408, 412, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class VaultPlace:
    """Where it is and how it is spoken to."""

    address: str
    """`https://host:port`."""
    mount: str
    role: str
    token_file: Path
    ca_file: Path | None = None
    """Whom to believe that it is Vault; the system's roots without it."""
    namespace: str = ""


class VaultSigner:
    """Signs with a role of a PKI mount."""

    def __init__(self, place: VaultPlace, signs: str = "") -> None:
        self._place = place
        self._signs = signs
        """The certificate (PEM) of the generation that it signs for."""

    def shown(self, *, now: datetime) -> Shown:
        """The mount's authority and its chain; raises SigningFailed."""
        with self._client() as client:
            signs = self._certificates(client, "ca")
            above = self._certificates(client, "ca_chain")
        if not signs:
            raise SigningFailed(f"The mount {self._place.mount!r} has no authority yet.")
        return shown_of(signs[0], above, now=now)

    def sign(self, wanted: Wanted, *, now: datetime) -> Leaf:
        """Ask for exactly the leaf that was decided, and believe only what comes back."""
        asked = {
            "csr": wanted.csr,
            "common_name": wanted.common_name[:64],
            "uri_sans": wanted.uri,
            "alt_names": ",".join(host for host in wanted.hosts if not _is_address(host)),
            "ip_sans": ",".join(host for host in wanted.hosts if _is_address(host)),
            "ttl": f"{int(wanted.life.total_seconds())}s",
            "format": "pem",
            "exclude_cn_from_sans": True,
        }
        with self._client() as client:
            path = f"{self._place.mount}/sign/{self._place.role}"
            answer = self._asked(client, "POST", path, asked)
        return leaf_accept(
            _text(answer, "certificate"), wanted, certificate_load(self._signs), now=now
        )

    def _certificates(self, client: httpx.Client, which: str) -> list[x509.Certificate]:
        text = _text(self._asked(client, "GET", f"{self._place.mount}/cert/{which}"), "certificate")
        if not text.strip():
            return []
        try:
            return x509.load_pem_x509_certificates(text.encode())
        except ValueError:
            raise SigningFailed("Vault's authority cannot be read as a certificate.") from None

    def _client(self) -> httpx.Client:
        place = self._place
        if not place.address.startswith("https://"):
            raise SigningFailed("MESH_VAULT_ADDRESS begins with https://: the token goes there.")
        try:
            context = ssl.create_default_context(cafile=place.ca_file and str(place.ca_file))
            token = place.token_file.read_text().strip()
        except (OSError, ssl.SSLError) as error:
            raise SigningFailed(f"A file of the Vault signer cannot be read: {error}") from None
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        if place.namespace:
            headers["X-Vault-Namespace"] = place.namespace
        return httpx.Client(
            base_url=f"{place.address.rstrip('/')}/v1/",
            headers=headers,
            verify=context,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )

    def _asked(
        self, client: httpx.Client, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        pause = threading.Event()
        for left in reversed(range(TRIES)):
            try:
                answer = client.request(method, path, json=body)
            except httpx.HTTPError as error:
                said = f"Vault at {self._place.address} does not answer: {error}"
                passes = not isinstance(error.__cause__, ssl.SSLCertVerificationError)
            else:
                if answer.status_code == httpx.codes.OK:
                    return _data(answer)
                said, passes = _refusal(answer), answer.status_code in _PASSING
            if not passes or not left:
                raise SigningFailed(said)
            pause.wait(PAUSE_SECONDS)
        raise AssertionError("the last try returns or raises")


def _data(answer: httpx.Response) -> dict[str, Any]:
    if len(answer.content) > _LIMIT_BYTES:
        raise SigningFailed("Vault's answer is too long to be a certificate.")
    try:
        data = answer.json()["data"]
    except (ValueError, KeyError, TypeError):
        data = None
    if not isinstance(data, dict):
        raise SigningFailed("What answered is not Vault: there is no data in it.")
    return data


def _text(data: dict[str, Any], name: str) -> str:
    found = data.get(name)
    return found if isinstance(found, str) else ""


def _refusal(answer: httpx.Response) -> str:
    try:
        errors = answer.json()["errors"]
        said = "; ".join(str(one) for one in errors)
    except (ValueError, KeyError, TypeError):
        said = ""
    return f"Vault refuses with {answer.status_code}: {said[:300] or 'it does not say why'}"


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
