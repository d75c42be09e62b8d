"""A secret at rest opens with its own key-encryption key, in its own place, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshconsole.core.sealing import SealBroken, kek_read, seal, unseal


def test_a_sealed_key_opens_only_with_its_own_key_and_for_its_own_place() -> None:
    kek = b"k" * 32
    sealed = seal(b"secret", kek=kek, context="authority 1")
    assert b"secret" not in sealed
    assert unseal(sealed, kek=kek, context="authority 1") == b"secret"
    for other, context in ((b"x" * 32, "authority 1"), (kek, "authority 2")):
        with pytest.raises(SealBroken, match="MESH_KEK_FILE"):
            unseal(sealed, kek=other, context=context)


def test_a_key_encryption_key_is_made_once_and_a_weak_one_is_refused(tmp_path: Path) -> None:
    made = kek_read(tmp_path / "kek.key")
    assert len(made) == 32
    assert kek_read(tmp_path / "kek.key") == made
    (tmp_path / "weak.key").write_text("short")
    with pytest.raises(SealBroken, match="at least 32"):
        kek_read(tmp_path / "weak.key")
