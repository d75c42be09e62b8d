"""Where authorities are kept: made once, sealed under a key that is not in the database."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction

from meshconsole.encryption import authority
from meshconsole.encryption.models import Authority
from meshconsole.env import secret_kept

_KEK_LEAST_CHARACTERS = 32


def authority_ensure(now: datetime) -> Authority:
    """The authority that signs; the first one is made when there is none."""
    current = Authority.objects.filter(retired_at=None).order_by("-generation").first()
    return current or _made(now)


def _made(now: datetime) -> Authority:
    domain = settings.MESH_TRUST_DOMAIN
    try:
        with transaction.atomic():
            generation = Authority.objects.count() + 1
            root = authority.root_create(trust_domain=domain, generation=generation, now=now)
            return Authority.objects.create(
                generation=generation,
                trust_domain=domain,
                certificate=root.pem,
                key_sealed=authority.seal(
                    authority.root_key_der(root), kek=_kek(), context=_context(domain, generation)
                ),
                pin=authority.root_pin(root.certificate),
                created_at=now,
                ends_at=root.certificate.not_valid_after_utc,
            )
    except IntegrityError:  # another process made it at the same moment
        return Authority.objects.filter(retired_at=None).order_by("-generation")[0]


def root_of(row: Authority) -> authority.Root:
    """The root able to sign; raises SealBroken when the key-encryption key is another one."""
    opened = authority.unseal(
        bytes(row.key_sealed), kek=_kek(), context=_context(row.trust_domain, row.generation)
    )
    return authority.root_load(row.certificate, opened)


def roots_pem() -> str:
    """Every root that the mesh trusts now, newest first, in PEM."""
    rows = Authority.objects.filter(retired_at=None).order_by("-generation")
    return "".join(rows.values_list("certificate", flat=True))


def _context(domain: str, generation: int) -> str:
    return f"meshconsole authority {domain} {generation}"


def _kek() -> bytes:
    text = secret_kept(Path(settings.MESH_KEK_FILE))
    if len(text) < _KEK_LEAST_CHARACTERS:
        raise authority.SealBroken(
            f"MESH_KEK_FILE holds {len(text)} characters; "
            f"it needs at least {_KEK_LEAST_CHARACTERS} random ones."
        )
    return hashlib.sha256(b"meshconsole kek\0" + text.encode()).digest()
