"""Vault signs what the console decided; what it refuses or makes otherwise is said in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from meshconsole.encryption import authority
from meshconsole.encryption.authority import Root
from meshconsole.encryption.signing import Shown, SigningFailed, Wanted
from meshconsole.encryption.vault import VaultPlace, VaultSigner
from tests.harness.requests import a_csr
from tests.harness.vault import FakeVault, Role, a_vault, an_authority, elsewhere

URI = "spiffe://mesh.local/unit/unit1/app/order/instance/order-1"


@pytest.fixture(scope="module")
def root() -> Root:
    """Whom the mesh trusts."""
    return an_authority("offline root")


@pytest.fixture(scope="module")
def online(root: Root) -> Root:
    """Who signs."""
    return an_authority("online authority", root)


@pytest.fixture
def vault(tmp_path: Path, root: Root, online: Root) -> Iterator[FakeVault]:
    """A mount whose authority the root signed."""
    with a_vault(tmp_path, online, root) as made:
        yield made


def place(vault: FakeVault) -> VaultPlace:
    assert vault.place is not None
    return vault.place


def wanted(**fields: Any) -> Wanted:
    public, _, csr = authority.request_create("order-1")
    given = {
        "key": public, "csr": csr, "uri": URI, "common_name": "order-1",
        "life": timedelta(hours=24),
    }  # fmt: skip
    return Wanted(**(given | fields))


def signed(vault: FakeVault, leaf: Wanted | None = None, **elsewhere_: Any) -> authority.Leaf:
    signer = VaultSigner(elsewhere(place(vault), **elsewhere_), signs=vault.signs.pem)
    return signer.sign(leaf or wanted(), now=datetime.now(UTC))


def test_the_mount_shows_its_authority_and_the_way_to_its_root(
    vault: FakeVault, root: Root, online: Root
) -> None:
    shown = VaultSigner(place(vault)).shown(now=datetime.now(UTC))
    assert shown == Shown(root=root.pem, chain=online.pem)
    assert shown.signs == online.pem


def test_a_leaf_is_signed_as_it_was_decided(vault: FakeVault) -> None:
    leaf = signed(vault, wanted(hosts=("localhost", "127.0.0.1", "::1")))
    certificate = authority.certificate_load(leaf.pem)
    assert certificate.issuer == vault.signs.certificate.subject
    assert leaf.serial == f"{certificate.serial_number:x}"
    assert vault.asked == ["POST /v1/pki/sign/mesh"]


@pytest.mark.parametrize("failing", [[0], [503], [429, 500], [0, 0]])
def test_what_passes_is_tried_again(vault: FakeVault, failing: list[int]) -> None:
    vault.failing = list(failing)
    assert signed(vault).pem
    assert len(vault.asked) == len(failing) + 1


def test_a_sealed_vault_is_said_after_three_tries(vault: FakeVault) -> None:
    vault.failing = [503] * 9
    with pytest.raises(SigningFailed, match="503: Vault is sealed"):
        signed(vault)
    assert len(vault.asked) == 3


def test_a_refusal_is_not_tried_again_and_its_words_are_passed_on(vault: FakeVault) -> None:
    with pytest.raises(SigningFailed, match="400: unknown role: other"):
        signed(vault, role="other")
    with pytest.raises(SigningFailed, match="404: no handler for route"):
        signed(vault, mount="kv")
    with pytest.raises(SigningFailed, match="400: URI Subject Alternative Names"):
        signed(vault, wanted(uri="spiffe://elsewhere/unit/u/app/a/instance/i"))
    with pytest.raises(SigningFailed, match="400: cannot satisfy request"):
        signed(vault, wanted(life=timedelta(days=9)))
    assert len(vault.asked) == 4


def test_a_token_is_read_anew_for_every_request(vault: FakeVault) -> None:
    file = place(vault).token_file
    token = file.read_text()
    file.write_text("hvs.expired")
    with pytest.raises(SigningFailed, match="403: permission denied"):
        signed(vault)
    file.write_text(token)
    assert signed(vault).pem


def test_a_token_that_is_not_there_is_named(vault: FakeVault, tmp_path: Path) -> None:
    with pytest.raises(SigningFailed, match="nowhere"):
        signed(vault, token_file=tmp_path / "nowhere")


def test_a_server_of_another_root_is_told_nothing(vault: FakeVault, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(an_authority("somebody else").pem)
    with pytest.raises(SigningFailed, match="does not answer"):
        signed(vault, ca_file=other)
    assert vault.asked == []


def test_the_token_goes_over_tls_only(vault: FakeVault) -> None:
    with pytest.raises(SigningFailed, match="begins with https://"):
        signed(vault, address=place(vault).address.replace("https", "http"))


def test_nobody_at_the_address_is_said(vault: FakeVault) -> None:
    with pytest.raises(SigningFailed, match="does not answer"):
        signed(vault, address="https://127.0.0.1:1")


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (Role(server_flag=False), "both sides of TLS"),
        (Role(client_flag=False), "both sides of TLS"),
        (Role(longer=timedelta(hours=2)), "lives longer than was asked"),
        (Role(use_csr_sans=True), "use_csr_sans=false"),
    ],
)
def test_what_a_careless_role_makes_is_not_given_away(
    vault: FakeVault, role: Role, says: str
) -> None:
    vault.role = role
    leaf = wanted()
    if role.use_csr_sans:
        hostile = "spiffe://mesh.local/unit/unit1/app/admin/instance/admin-1"
        key = ec.generate_private_key(ec.SECP256R1())
        csr = a_csr(key, [x509.UniformResourceIdentifier(hostile)])
        leaf = wanted(csr=csr, key=key.public_key())
    with pytest.raises(SigningFailed, match=says):
        signed(vault, leaf)


def test_an_authority_that_changed_behind_the_address_is_found_out(vault: FakeVault) -> None:
    signer = VaultSigner(place(vault), signs=vault.signs.pem)
    vault.signs = an_authority("online authority")
    with pytest.raises(SigningFailed, match="another authority signed it"):
        signer.sign(wanted(), now=datetime.now(UTC))
