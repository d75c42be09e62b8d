"""Secrets at rest: sealed under a key-encryption key that is not where they are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meshconsole.env import secret_kept

_NONCE_BYTES = 12
_KEK_LEAST_CHARACTERS = 32


class SealBroken(ValueError):
    """What is sealed does not open: another key-encryption key, or the bytes were changed."""


def seal(secret: bytes, *, kek: bytes, context: str) -> bytes:
    """AES-256-GCM under the key-encryption key; `context` must be given again to open it."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(kek).encrypt(nonce, secret, context.encode())


def unseal(sealed: bytes, *, kek: bytes, context: str) -> bytes:
    """Open what `seal` closed; raises SealBroken."""
    try:
        return AESGCM(kek).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        raise SealBroken(
            "A sealed secret does not open: MESH_KEK_FILE is not the file it was sealed with."
        ) from None


def kek_read(path: Path) -> bytes:
    """The key-encryption key in a file, made there on first use; raises SealBroken for a weak one.

    It never leaves the process that asks.
    """
    text = secret_kept(path)
    if len(text) < _KEK_LEAST_CHARACTERS:
        raise SealBroken(
            f"MESH_KEK_FILE holds {len(text)} characters; "
            f"it needs at least {_KEK_LEAST_CHARACTERS} random ones."
        )
    return hashlib.sha256(b"meshconsole kek\0" + text.encode()).digest()
