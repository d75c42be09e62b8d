"""A key at rest opens with its own key-encryption key, in its own place, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meshconsole.encryption import authority, sealing
from meshconsole.encryption.sealing import SealBroken


def test_a_sealed_key_opens_only_with_its_own_key_and_for_its_own_place() -> None:
    kek = b"k" * 32
    sealed = sealing.seal(b"secret", kek=kek, context="authority 1")
    assert b"secret" not in sealed
    assert sealing.unseal(sealed, kek=kek, context="authority 1") == b"secret"
    for other, context in ((b"x" * 32, "authority 1"), (kek, "authority 2")):
        with pytest.raises(SealBroken, match="MESH_KEK_FILE"):
            sealing.unseal(sealed, kek=other, context=context)


def test_a_root_comes_back_from_its_stored_form() -> None:
    root = authority.root_create(trust_domain="mesh.local", generation=1, now=datetime.now(UTC))
    again = sealing.root_load(root.pem, sealing.root_key_der(root))
    assert again.certificate == root.certificate
    assert sealing.root_key_der(again) == sealing.root_key_der(root)
