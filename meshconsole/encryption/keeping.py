"""Where authorities are kept: the first is made by itself, each is found again as a signer.

A local one's key is in the database, sealed under a key that is not. A file's or Vault's key is
where it was; the row says where, so generations of different kinds can follow one another.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from meshconsole.core import revision
from meshconsole.core.sealing import kek_read, seal, unseal
from meshconsole.encryption import authority
from meshconsole.encryption.keyfile import keyfile_read
from meshconsole.encryption.models import Authority
from meshconsole.encryption.sealing import root_key_der, root_load
from meshconsole.encryption.signing import KeySigner, Shown, Signer, SigningFailed
from meshconsole.encryption.states import IN_FORCE, AuthorityState
from meshconsole.encryption.vault import VaultPlace, VaultSigner


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
    """The authority that signs; the first one is made when there is none.

    Raises SigningFailed when it is to be outside and is not there.
    """
    return Authority.objects.filter(state=AuthorityState.SIGNING).first() or _first(now)


def authority_outside(*, now: datetime) -> tuple[str, Shown] | None:
    """Where the next generation's key is and what it shows; None when it is made here.

    Asked before any transaction, since it may be far away. Raises SigningFailed.
    """
    kind = Authority.Signer(settings.MESH_SIGNER)
    if kind == Authority.Signer.LOCAL:
        return None
    if kind == Authority.Signer.FILE:
        location = str(settings.MESH_AUTHORITY_FILE or "")
        if not location:
            raise SigningFailed("MESH_AUTHORITY_FILE says where the authority's key is; set it.")
        return location, keyfile_read(Path(location), now=now)[1]
    place = _vault()
    return f"{place.mount}/{place.role}", VaultSigner(place).shown(now=now)


def authority_make(
    outside: tuple[str, Shown] | None, *, now: datetime, state: AuthorityState
) -> Authority:
    """The next generation: with the key that is `outside`, or with one made here and sealed."""
    generation = Authority.objects.count() + 1
    domain = settings.MESH_TRUST_DOMAIN
    sealed = b""
    if outside is None:
        root = authority.root_create(trust_domain=domain, generation=generation, now=now)
        outside = "", Shown(root.pem, "")
        sealed = seal(root_key_der(root), kek=_kek(), context=_context(domain, generation))
    location, shown = outside
    certificate = authority.certificate_load(shown.root)
    return Authority.objects.create(
        generation=generation,
        trust_domain=domain,
        signer=settings.MESH_SIGNER,
        location=location,
        state=state,
        signs_from=now if state == AuthorityState.SIGNING else None,
        certificate=shown.root,
        chain=shown.chain,
        key_sealed=sealed,
        pin=authority.root_pin(certificate),
        created_at=now,
        ends_at=certificate.not_valid_after_utc,
    )


def signer_of(row: Authority, *, now: datetime) -> Signer:
    """Whoever signs for a generation; raises SigningFailed and SealBroken."""
    if row.signer == Authority.Signer.LOCAL:
        return KeySigner(root_of(row))
    if row.signer == Authority.Signer.FILE:
        root, shown = keyfile_read(Path(row.location), now=now)
        if shown.root != row.certificate or shown.chain != row.chain:
            raise SigningFailed(
                f"{row.location} holds another authority than generation {row.generation}; "
                "bring the file back, or add the new one as a generation."
            )
        return KeySigner(root)
    mount, _, role = row.location.rpartition("/")
    return VaultSigner(_vault(mount=mount, role=role), signs=row.chain or row.certificate)


def root_of(row: Authority) -> authority.Root:
    """A local root able to sign; raises SealBroken when the key-encryption key is another one."""
    opened = unseal(
        bytes(row.key_sealed), kek=_kek(), context=_context(row.trust_domain, row.generation)
    )
    return root_load(row.certificate, opened)


def roots_pem() -> str:
    """Every root that the mesh trusts now, newest first, in PEM."""
    rows = Authority.objects.filter(state__in=IN_FORCE).order_by("-generation")
    return "".join(rows.values_list("certificate", flat=True))


def _first(now: datetime) -> Authority:
    outside = authority_outside(now=now)
    try:
        with transaction.atomic():
            made = authority_make(outside, now=now, state=AuthorityState.SIGNING)
            revision.bump()
            return made
    except IntegrityError:  # another process made it at the same moment
        return Authority.objects.get(state=AuthorityState.SIGNING)


def _vault(*, mount: str = "", role: str = "") -> VaultPlace:
    return VaultPlace(
        address=settings.MESH_VAULT_ADDRESS,
        mount=mount or settings.MESH_VAULT_MOUNT,
        role=role or settings.MESH_VAULT_ROLE,
        token_file=Path(settings.MESH_VAULT_TOKEN_FILE),
        ca_file=Path(settings.MESH_VAULT_CA_FILE) if settings.MESH_VAULT_CA_FILE else None,
        namespace=settings.MESH_VAULT_NAMESPACE,
    )


def _context(domain: str, generation: int) -> str:
    return f"meshconsole authority {domain} {generation}"


def _kek() -> bytes:
    return kek_read(Path(settings.MESH_KEK_FILE))
