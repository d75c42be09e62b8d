"""Where authorities are kept: made once, sealed under a key that is not in the database."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from meshconsole.core import revision
from meshconsole.encryption import authority
from meshconsole.encryption.models import Authority
from meshconsole.encryption.states import IN_FORCE, AuthorityState
from meshconsole.env import secret_kept

_KEK_LEAST_CHARACTERS = 32


class TrustBundle(msgspec.Struct, frozen=True):
    """Whom the mesh trusts: roots in PEM, newest first, and who signs (key identifier in hex)."""

    domain: str
    roots: tuple[str, ...]
    issuer: str

    @property
    def pem(self) -> str:
        """Every root, one after the other."""
        return "".join(self.roots)


def trust_bundle() -> TrustBundle | None:
    """What sidecars are told to trust; None before the first authority."""
    rows = list(Authority.objects.filter(state__in=IN_FORCE).order_by("-generation"))
    signing = next((row for row in rows if row.state == AuthorityState.SIGNING), None)
    if signing is None:
        return None
    return TrustBundle(
        domain=signing.trust_domain,
        roots=tuple(row.certificate for row in rows),
        issuer=authority.key_identifier(signing.chain or signing.certificate),
    )


def authority_ensure(now: datetime) -> Authority:
    """The authority that signs; the first one is made when there is none."""
    return Authority.objects.filter(state=AuthorityState.SIGNING).first() or _made(now)


def _made(now: datetime) -> Authority:
    domain = settings.MESH_TRUST_DOMAIN
    try:
        with transaction.atomic():
            generation = Authority.objects.count() + 1
            root = authority.root_create(trust_domain=domain, generation=generation, now=now)
            made = Authority.objects.create(
                generation=generation,
                state=AuthorityState.SIGNING,
                signs_from=now,
                trust_domain=domain,
                certificate=root.pem,
                key_sealed=authority.seal(
                    authority.root_key_der(root), kek=_kek(), context=_context(domain, generation)
                ),
                pin=authority.root_pin(root.certificate),
                created_at=now,
                ends_at=root.certificate.not_valid_after_utc,
            )
            revision.bump()
            return made
    except IntegrityError:  # another process made it at the same moment
        return Authority.objects.get(state=AuthorityState.SIGNING)


def root_of(row: Authority) -> authority.Root:
    """The root able to sign; raises SealBroken when the key-encryption key is another one."""
    opened = authority.unseal(
        bytes(row.key_sealed), kek=_kek(), context=_context(row.trust_domain, row.generation)
    )
    return authority.root_load(row.certificate, opened)


def roots_pem() -> str:
    """Every root that the mesh trusts now, newest first, in PEM."""
    rows = Authority.objects.filter(state__in=IN_FORCE).order_by("-generation")
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
