"""One hash tells the console from everybody else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from meshconsole.encryption import authority
from proxy.encryption.pinning import NotTheConsole, check_pinned, pin_of, roots_of_header
from tests.harness.authority import DISCOVERY, TRUST_DOMAIN, MeshRoot

NOW = datetime.now(UTC)
ROOT, OTHER = MeshRoot(1), MeshRoot(2)


def leaf(root: MeshRoot = ROOT, uri: str = DISCOVERY) -> bytes:
    key, _ = authority.key_create()
    made = authority.leaf_issue(
        root.root, key=key, uri=uri, common_name="x", now=NOW, life=timedelta(hours=1)
    )
    return x509.load_pem_x509_certificate(made.pem.encode()).public_bytes(Encoding.DER)


def test_the_pin_is_what_the_authority_puts_into_tokens() -> None:
    assert pin_of(ROOT.root.certificate) == ROOT.pin


def test_the_console_is_known_among_several_roots() -> None:
    shown = roots_of_header(f"{OTHER.header}, {ROOT.header}")
    assert check_pinned(leaf(), shown, ROOT.pin, NOW) == TRUST_DOMAIN


def test_a_foreign_root_a_foreign_leaf_and_a_foreign_name_are_refused() -> None:
    certificate = ROOT.root.certificate
    instance = f"spiffe://{TRUST_DOMAIN}/unit/u/app/a/instance/i"
    cases = [
        (leaf(), [OTHER.root.certificate], ROOT.pin, NOW),
        (leaf(OTHER), [certificate], ROOT.pin, NOW),
        (leaf(OTHER), [certificate, OTHER.root.certificate], ROOT.pin, NOW),
        (leaf(uri=instance), [certificate], ROOT.pin, NOW),
        (leaf(uri=f"spiffe://{TRUST_DOMAIN}/x/discovery"), [certificate], ROOT.pin, NOW),
        (leaf(), [certificate], "", NOW),
        (leaf(), [], ROOT.pin, NOW),
        (leaf(), [certificate], ROOT.pin, NOW + timedelta(hours=2)),
        (leaf(), [certificate], ROOT.pin, NOW - timedelta(hours=2)),
        (b"hello", [certificate], ROOT.pin, NOW),
    ]
    for der, shown, pin, now in cases:
        with pytest.raises(NotTheConsole):
            check_pinned(der, shown, pin, now)


def test_a_leaf_is_no_authority_even_under_the_right_root() -> None:
    """An instance's certificate, signed by the pinned root, must not vouch for another one."""
    key, private = authority.key_create()
    made = authority.leaf_issue(
        ROOT.root, key=key, uri=DISCOVERY, common_name="x", now=NOW, life=timedelta(hours=1)
    )
    middle = x509.load_pem_x509_certificate(made.pem.encode())
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    signer = load_pem_private_key(private.encode(), password=None)
    forged = authority.leaf_issue(
        authority.Root(middle, signer),  # type: ignore[arg-type]
        key=authority.key_create()[0],
        uri=DISCOVERY,
        common_name="y",
        now=NOW,
        life=timedelta(minutes=5),
    )
    der = x509.load_pem_x509_certificate(forged.pem.encode()).public_bytes(Encoding.DER)
    with pytest.raises(NotTheConsole, match="not signed by the root"):
        check_pinned(der, [ROOT.root.certificate, middle], ROOT.pin, NOW)


@pytest.mark.parametrize(
    "header", ["", "!", ",", base64.b64encode(b"junk").decode(), "A" * 100_000]
)
def test_a_header_that_is_no_roots_is_refused(header: str) -> None:
    with pytest.raises(NotTheConsole):
        roots_of_header(header)
