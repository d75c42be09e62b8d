"""The authority signs what it decided, and nothing that a request asks for."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socketpair

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from meshconsole.encryption import authority
from meshconsole.encryption.authority import CsrRefused, Leaf, Root
from tests.harness.requests import PrivateKey, a_csr

NOW = datetime.now(UTC)
URI = "spiffe://mesh.local/unit/unit1/app/order/instance/order-1"


def a_root(generation: int = 1) -> Root:
    return authority.root_create(trust_domain="mesh.local", generation=generation, now=NOW)


def a_leaf(root: Root, uri: str = URI, hosts: tuple[str, ...] = ()) -> tuple[Leaf, str]:
    public, private = authority.key_create()
    leaf = authority.leaf_issue(
        root,
        key=public,
        uri=uri,
        common_name="order-1",
        now=NOW,
        life=timedelta(hours=24),
        hosts=hosts,
    )
    return leaf, private


def test_each_generation_has_a_name_and_a_key_identifier_of_its_own() -> None:
    first, second = a_root(1).certificate, a_root(2).certificate
    assert first.subject != second.subject
    identifiers = [
        one.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        for one in (first, second)
    ]
    assert identifiers[0] != identifiers[1]
    assert authority.root_pin(first) != authority.root_pin(second)


def test_a_root_may_sign_leaves_and_no_other_authority() -> None:
    extensions = a_root().certificate.extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value.ca
    assert basic.value.path_length == 0
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    permitted = extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    assert permitted == [x509.UniformResourceIdentifier("mesh.local")]


def test_a_leaf_names_one_identity_for_a_day_and_both_sides_of_tls() -> None:
    leaf, _ = a_leaf(a_root())
    certificate = authority.certificate_load(leaf.pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(URI)]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_after - NOW.replace(microsecond=0) == timedelta(hours=24)
    assert NOW - leaf.not_before >= timedelta(minutes=5)


def test_serials_are_long_and_never_the_same() -> None:
    root = a_root()
    serials = {a_leaf(root)[0].serial for _ in range(50)}
    assert len(serials) == 50
    assert all(24 < len(serial) <= 32 for serial in serials)


def test_a_leaf_does_not_outlive_its_root() -> None:
    root = a_root()
    public, _ = authority.key_create()
    leaf = authority.leaf_issue(
        root, key=public, uri=URI, common_name="x", now=NOW, life=timedelta(days=36500)
    )
    assert leaf.not_after == root.certificate.not_valid_after_utc


KEYS: dict[str, Callable[[], PrivateKey]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA 2048": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("kind", KEYS)
def test_the_public_key_of_a_request_is_taken(kind: str) -> None:
    key = KEYS[kind]()
    taken = authority.csr_public_key(a_csr(key))
    assert taken == key.public_key()


@pytest.mark.parametrize(
    "key",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505
    ],
)
def test_other_keys_are_refused(key: Callable[[], PrivateKey]) -> None:
    with pytest.raises(CsrRefused, match="P-256") as refused:
        authority.csr_public_key(a_csr(key()))
    assert refused.value.code == "csr_key"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "é",
    ],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(CsrRefused) as refused:
        authority.csr_public_key(text)
    assert refused.value.code == "csr_malformed"


def test_a_request_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(CsrRefused) as refused:
        authority.csr_public_key("A" * 20_000)
    assert refused.value.code == "csr_size"


def test_a_request_not_signed_by_its_own_key_is_refused() -> None:
    pem = a_csr(ec.generate_private_key(ec.SECP256R1()))
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER))
    der[-4] ^= 1
    try:
        forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    except ValueError:
        pytest.skip("the changed bytes do not parse")
    with pytest.raises(CsrRefused) as refused:
        authority.csr_public_key(forged.decode())
    assert refused.value.code in {"csr_proof", "csr_malformed"}


HOSTILE: dict[str, tuple[list[x509.GeneralName], str, bool]] = {
    "several URIs": (
        [x509.UniformResourceIdentifier(URI), x509.UniformResourceIdentifier(URI + "x")],
        "x",
        False,
    ),
    "a foreign identity": ([x509.UniformResourceIdentifier("spiffe://evil/x")], "x", False),
    "an authority": ([], "x", True),
    "a NUL": ([x509.DNSName("a\0b")], "order\0", False),
    "a wildcard": ([x509.DNSName("*.mesh.local"), x509.DNSName("*")], "*", False),
    "an address": ([x509.DNSName("localhost")], "127.0.0.1", False),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_of_a_hostile_request_is_issued(kind: str) -> None:
    names, common_name, ca = HOSTILE[kind]
    key = ec.generate_private_key(ec.SECP256R1())
    public = authority.csr_public_key(a_csr(key, names, common_name, ca=ca))
    leaf = authority.leaf_issue(
        a_root(), key=public, uri=URI, common_name="order-1", now=NOW, life=timedelta(hours=1)
    )
    certificate = authority.certificate_load(leaf.pem)
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(san) == [x509.UniformResourceIdentifier(URI)]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    (cn,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert cn.value == "order-1"
    known = {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
    assert {extension.oid for extension in certificate.extensions} == known


def handshake(
    folder: Path, trusted: str, server: tuple[Leaf, str], client: tuple[Leaf, str]
) -> str:
    """Shake hands for real; the URI that the server saw, or the failure's words."""
    contexts = []
    for role, (leaf, key) in (
        (ssl.PROTOCOL_TLS_SERVER, server),
        (ssl.PROTOCOL_TLS_CLIENT, client),
    ):
        context = ssl.SSLContext(role)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=trusted)
        path = folder / f"{role}.pem"
        path.write_text(key + leaf.pem)
        context.load_cert_chain(path)
        contexts.append(context)
    ours, theirs = socketpair()
    told: list[str] = []
    felt: list[str] = []

    def serve() -> None:
        with ours:
            try:
                with contexts[0].wrap_socket(ours, server_side=True) as secure:
                    names = (secure.getpeercert() or {}).get("subjectAltName", ())
                    told.append(str(names[0][1]))
                    secure.send(b"k")
            except (OSError, ssl.SSLError) as error:
                told.append(f"refused: {error}")

    thread = threading.Thread(target=serve)
    thread.start()
    with theirs:
        try:
            with contexts[1].wrap_socket(theirs, server_hostname="127.0.0.1") as secure:
                secure.recv(1)
        except (OSError, ssl.SSLError) as error:
            felt.append(f"refused: {error}")
    thread.join(timeout=10)
    return told[0]


def test_leaves_of_one_root_trust_each_other(tmp_path: Path) -> None:
    root = a_root()
    server = a_leaf(root, "spiffe://mesh.local/discovery", ("localhost", "127.0.0.1"))
    assert handshake(tmp_path, root.pem, server, a_leaf(root)) == URI


def test_the_root_cannot_speak_for_another_trust_domain(tmp_path: Path) -> None:
    root = a_root()
    server = a_leaf(root, "spiffe://mesh.local/discovery", ("127.0.0.1",))
    foreign = a_leaf(root, "spiffe://evil.local/unit/u/app/a/instance/i")
    assert "permitted subtree violation" in handshake(tmp_path, root.pem, server, foreign)


def test_two_generations_side_by_side_accept_leaves_of_both(tmp_path: Path) -> None:
    old, new = a_root(1), a_root(2)
    both = old.pem + new.pem
    server = a_leaf(new, "spiffe://mesh.local/discovery", ("127.0.0.1",))
    assert handshake(tmp_path, both, server, a_leaf(old)) == URI
    assert handshake(tmp_path, both, a_leaf(old, hosts=("127.0.0.1",)), a_leaf(new)) == URI
    assert "refused" in handshake(tmp_path, new.pem, server, a_leaf(old))
