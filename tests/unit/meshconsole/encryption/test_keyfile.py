"""An authority in a file is taken with its chain, or refused with what to do about the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from meshconsole.encryption import authority
from meshconsole.encryption.authority import Root
from meshconsole.encryption.keyfile import keyfile_read
from meshconsole.encryption.signing import KeySigner, SigningFailed, Wanted
from tests.harness.vault import an_authority

NOW = datetime.now(UTC)


def key_pem(key: object) -> str:
    raw: bytes = key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return raw.decode()


def a_file(folder: Path, *parts: str) -> Path:
    file = folder / "authority.pem"
    file.write_text("".join(parts))
    file.chmod(0o600)
    return file


@pytest.fixture
def root() -> Root:
    return an_authority("offline root")


def test_a_root_of_its_own_signs_and_has_no_chain(tmp_path: Path, root: Root) -> None:
    found, shown = keyfile_read(a_file(tmp_path, key_pem(root.key), root.pem), now=NOW)
    assert found.certificate == root.certificate
    assert (shown.root, shown.chain, shown.signs) == (root.pem, "", root.pem)


def test_an_intermediate_comes_with_its_way_to_the_root_in_any_order(
    tmp_path: Path, root: Root
) -> None:
    middle = an_authority("middle", root)
    online = an_authority("online", middle)
    file = a_file(tmp_path, root.pem, key_pem(online.key), middle.pem, online.pem)
    found, shown = keyfile_read(file, now=NOW)
    assert (shown.root, shown.chain) == (root.pem, online.pem + middle.pem)
    public, _, csr = authority.request_create("order-1")
    wanted = Wanted(public, csr, "spiffe://m/x", "order-1", timedelta(hours=1))
    leaf = authority.certificate_load(KeySigner(found).sign(wanted, now=NOW).pem)
    leaf.verify_directly_issued_by(online.certificate)


def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path, root: Root) -> None:
    file = a_file(tmp_path, key_pem(root.key), root.pem)
    file.chmod(0o644)
    with pytest.raises(SigningFailed, match="Everybody may read"):
        keyfile_read(file, now=NOW)


def test_what_is_missing_or_wrong_in_a_file_is_said(tmp_path: Path, root: Root) -> None:
    other, middle = an_authority("other"), an_authority("middle", root)
    weak = ed25519.Ed25519PrivateKey.generate()
    cases = {
        "has to hold a private key": [root.pem],
        "No certificate in": [key_pem(root.key), other.pem],
        "Who signed CN=middle is missing": [key_pem(middle.key), middle.pem, other.pem],
        "neither EC nor RSA": [key_pem(weak), root.pem],
    }
    for sentence, parts in cases.items():
        with pytest.raises(SigningFailed, match=sentence):
            keyfile_read(a_file(tmp_path, *parts), now=NOW)
    with pytest.raises(SigningFailed, match="cannot be read"):
        keyfile_read(tmp_path / "nowhere.pem", now=NOW)
    file = a_file(tmp_path, key_pem(root.key), root.pem)
    with pytest.raises(SigningFailed, match="not valid now"):
        keyfile_read(file, now=NOW + timedelta(days=31))


def test_a_leaf_is_no_authority(tmp_path: Path, root: Root) -> None:
    public, private = authority.key_create()
    leaf = authority.leaf_issue(
        root, key=public, uri="spiffe://m/x", common_name="x", now=NOW, life=timedelta(hours=1)
    )
    with pytest.raises(SigningFailed, match="is no authority"):
        keyfile_read(a_file(tmp_path, private, leaf.pem, root.pem), now=NOW)
