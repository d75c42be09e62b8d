"""What the mesh trusts and what was signed, for pages and the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from meshconsole.encryption.models import Authority, Certificate, JoinToken


@dataclass(frozen=True)
class CertificateCounts:
    """How many identities hold a valid certificate, and how many of those end soon."""

    valid: int
    ending: int


def authorities() -> QuerySet[Authority]:
    """Every generation, newest first."""
    return Authority.objects.all()


def certificates(uri: str = "") -> QuerySet[Certificate]:
    """The issuance log, newest first; of one identity when `uri` is given."""
    rows = Certificate.objects.select_related("authority").order_by("-id")
    return rows.filter(uri=uri) if uri else rows


def certificate_of(uri: str) -> Certificate | None:
    """The newest certificate of an identity."""
    return certificates(uri).first()


def open_join_tokens(now: datetime) -> QuerySet[JoinToken]:
    """Tokens that can still be used."""
    return JoinToken.objects.filter(used_at=None, expires_at__gt=now)


def certificate_counts(now: datetime, soon: datetime) -> CertificateCounts:
    """Identities with a certificate valid `now`, and those whose last one ends before `soon`."""
    valid = set(Certificate.objects.filter(ends_at__gt=now).values_list("uri", flat=True))
    lasting = set(Certificate.objects.filter(ends_at__gt=soon).values_list("uri", flat=True))
    return CertificateCounts(valid=len(valid), ending=len(valid - lasting))
