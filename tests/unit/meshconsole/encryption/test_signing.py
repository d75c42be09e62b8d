"""A leaf from outside is compared with what was decided, name by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from meshconsole.encryption import authority
from meshconsole.encryption.authority import Root
from meshconsole.encryption.signing import (
    KeySigner,
    SigningFailed,
    Wanted,
    is_signed_by,
    leaf_accept,
    shown_of,
)
from tests.harness.vault import an_authority

NOW = datetime.now(UTC)
URI = "spiffe://mesh.local/unit/unit1/app/order/instance/order-1"


@pytest.fixture(scope="module")
def root() -> Root:
    return an_authority("root")


def wanted(uri: str = URI, hosts: tuple[str, ...] = ()) -> Wanted:
    public, _, csr = authority.request_create("order-1")
    return Wanted(public, csr, uri, "order-1", timedelta(hours=24), hosts)


def test_what_a_key_of_ours_signs_is_what_was_wanted(root: Root) -> None:
    asked = wanted(hosts=("localhost", "127.0.0.1"))
    made = KeySigner(root).sign(asked, now=NOW)
    assert leaf_accept(made.pem, asked, root.certificate, now=NOW) == made


@pytest.mark.parametrize(
    ("uri", "hosts"),
    [(URI + "0", ()), (URI, ("localhost",)), ("spiffe://mesh.local/discovery", ())],
)
def test_another_name_or_one_more_is_refused(root: Root, uri: str, hosts: tuple[str, ...]) -> None:
    asked = wanted()
    other = Wanted(asked.key, asked.csr, uri, "order-1", asked.life, hosts)
    made = KeySigner(root).sign(other, now=NOW)
    with pytest.raises(SigningFailed, match="other names"):
        leaf_accept(made.pem, asked, root.certificate, now=NOW)


def test_another_key_and_another_time_are_refused(root: Root) -> None:
    made = KeySigner(root).sign(wanted(), now=NOW)
    with pytest.raises(SigningFailed, match="another key"):
        leaf_accept(made.pem, wanted(), root.certificate, now=NOW)
    asked = wanted()
    made = KeySigner(root).sign(asked, now=NOW)
    with pytest.raises(SigningFailed, match="not valid now"):
        leaf_accept(made.pem, asked, root.certificate, now=NOW + timedelta(days=2))


def test_an_authority_passed_off_as_a_leaf_and_what_is_none_are_refused(root: Root) -> None:
    with pytest.raises(SigningFailed, match="signed something else"):
        leaf_accept(an_authority("x", root).pem, wanted(), root.certificate, now=NOW)
    with pytest.raises(SigningFailed, match="cannot be read"):
        leaf_accept("nothing", wanted(), root.certificate, now=NOW)


def test_a_chain_that_never_ends_is_not_followed(root: Root) -> None:
    chain = [root]
    for depth in range(5):
        chain.append(an_authority(f"authority {depth}", chain[-1]))
    above: list[x509.Certificate] = [one.certificate for one in chain]
    with pytest.raises(SigningFailed, match="more than 4"):
        shown_of(chain[-1].certificate, above, now=NOW)


def test_a_name_alone_makes_no_issuer(root: Root) -> None:
    namesake = an_authority("root")
    assert is_signed_by(root.certificate, root.certificate)
    assert not is_signed_by(root.certificate, namesake.certificate)
