"""A root comes back from its stored form as it was."""

from __future__ import annotations

from datetime import UTC, datetime

from meshconsole.encryption import authority, sealing


def test_a_root_comes_back_from_its_stored_form() -> None:
    root = authority.root_create(trust_domain="mesh.local", generation=1, now=datetime.now(UTC))
    again = sealing.root_load(root.pem, sealing.root_key_der(root))
    assert again.certificate == root.certificate
    assert sealing.root_key_der(again) == sealing.root_key_der(root)
