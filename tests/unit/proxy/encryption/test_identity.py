"""A key made here, a certificate that must be for it, TLS out of memory alone."""

from __future__ import annotations

import os
import pickle
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from meshconsole.encryption.authority import csr_public_key
from proxy.contract.session import Cert
from proxy.encryption.identity import Identity, InvalidCertificate, KeyRequest
from tests.harness.authority import TRUST_DOMAIN, MeshRoot

ROOT = MeshRoot()
URI = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-1"


def fulfilled(request: KeyRequest, cert: Cert) -> Identity:
    return request.fulfilled(cert, unit="unit1", app="order", now=datetime.now(UTC))


def test_the_request_proves_its_key_and_two_requests_have_two_keys() -> None:
    one, other = KeyRequest("order-1"), KeyRequest("order-1")
    assert csr_public_key(one.csr) != csr_public_key(other.csr)
    assert x509.load_pem_x509_csr(one.csr.encode()).is_signature_valid


def test_tls_comes_out_of_memory_and_leaves_no_descriptor() -> None:
    request = KeyRequest("order-1")
    identity = fulfilled(request, ROOT.cert(request.csr, URI))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not walked
    context = identity.client_context()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    assert len(context.get_ca_certs()) == 1


def test_the_console_is_believed_under_the_next_root_too() -> None:
    request = KeyRequest("order-1")
    identity = fulfilled(request, ROOT.cert(request.csr, URI))
    context = identity.client_context((MeshRoot(2).pem, ROOT.pem))
    assert len(context.get_ca_certs()) == 2


@pytest.mark.parametrize(
    "uri",
    [
        f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-2",
        f"spiffe://{TRUST_DOMAIN}/unit/unit2/app/order/instance/order-1",
        f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/stock/instance/order-1",
        f"spiffe://{TRUST_DOMAIN}/discovery",
    ],
)
def test_a_certificate_for_somebody_else_is_refused(uri: str) -> None:
    request = KeyRequest("order-1")
    with pytest.raises(InvalidCertificate):
        fulfilled(request, ROOT.cert(request.csr, uri))


def test_a_certificate_that_has_ended_or_cannot_be_read_is_refused() -> None:
    request = KeyRequest("order-1")
    ended = ROOT.cert(request.csr, URI, life=timedelta(seconds=-1))
    with pytest.raises(InvalidCertificate, match="ended"):
        fulfilled(request, ended)
    with pytest.raises(InvalidCertificate, match="cannot be read"):
        fulfilled(request, Cert(id="x", chain="hello", roots=ROOT.pem, not_after=0.0))


def test_nothing_shows_the_key() -> None:
    request = KeyRequest("order-1")
    identity = fulfilled(request, ROOT.cert(request.csr, URI))
    assert "PRIVATE" not in repr(request) + repr(identity) + str(identity)
    with pytest.raises(TypeError):
        pickle.dumps(identity)


def test_the_memory_file_is_closed_even_when_tls_refuses_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    request = KeyRequest("order-1")
    identity = fulfilled(request, ROOT.cert(request.csr, URI))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    monkeypatch.setattr("proxy.encryption.identity._pem", lambda certificates: "")
    with pytest.raises((ssl.SSLError, ValueError)):
        identity.client_context()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
