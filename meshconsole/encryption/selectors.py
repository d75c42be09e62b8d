"""What the mesh trusts, what was signed, and how links are to be, for pages and the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from django.db.models import Max, QuerySet

from meshconsole.core.errors import Degraded, NotFound
from meshconsole.encryption.authority import key_identifier
from meshconsole.encryption.blockers import QUIET_MINUTES, Blocker
from meshconsole.encryption.models import Authority, Certificate, JoinToken, LinkPolicy
from meshconsole.encryption.policy import Policy, application_row, policy_of
from meshconsole.encryption.standing import standing_of
from meshconsole.inventory.models import Instance, Source
from meshconsole.telemetry import links
from proxy.contract.snapshot import TlsMode

ENDED_SHOWN = timedelta(days=2)


@dataclass(frozen=True)
class CertificateCounts:
    """How many identities hold a valid certificate, and how many of those end soon."""

    valid: int
    ending: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What live sidecars say of one generation of the authority."""

    is_known: bool
    """False while Redis does not answer."""
    sidecars: int
    not_trusting: tuple[str, ...]
    """Instances that do not trust its root, or have not said so."""
    holding: tuple[str, ...]
    """Instances whose leaf is of it, or that have not said whose it is."""

    @property
    def trusted_by_all(self) -> bool:
        """May leaves be signed with it?"""
        return self.is_known and not self.not_trusting

    @property
    def unused(self) -> bool:
        """May it be retired?"""
        return self.is_known and not self.holding


def rotation_evidence(generation: int, now: datetime) -> Evidence:
    """Who trusts a generation and who shows a leaf of it; raises NotFound."""
    row = authority_get(generation)
    root, issuer = key_identifier(row.certificate), key_identifier(row.chain or row.certificate)
    live = list(
        Instance.objects.open().filter(source=Source.SIDECAR).values_list("instance_id", flat=True)
    )
    try:
        told = links.latest(links.read(), now.timestamp())
    except Degraded:
        return Evidence(is_known=False, sidecars=len(live), not_trusting=(), holding=())
    states = {name: told[name].state for name in live if name in told}
    return Evidence(
        is_known=True,
        sidecars=len(live),
        not_trusting=tuple(n for n in live if n not in states or root not in states[n].trusts),
        holding=tuple(n for n in live if n not in states or states[n].issuer in ("", issuer)),
    )


def authorities() -> QuerySet[Authority]:
    """Every generation, newest first."""
    return Authority.objects.all()


def authority_get(generation: int) -> Authority:
    """One generation; raises NotFound."""
    row = Authority.objects.filter(generation=generation).first()
    if row is None:
        raise NotFound(f"There is no generation {generation} of the authority.")
    return row


def certificates(uri: str = "") -> QuerySet[Certificate]:
    """The issuance log, newest first; of one identity when `uri` is given."""
    rows = Certificate.objects.select_related("authority").order_by("-id")
    return rows.filter(uri=uri) if uri else rows


def certificate_of(uri: str) -> Certificate | None:
    """The newest certificate of an identity."""
    return certificates(uri).first()


def newest_certificates(now: datetime, *, uri: str = "", ended: bool = False) -> list[Certificate]:
    """The newest certificate of every identity, soonest end first.

    Identities whose last one ended more than ENDED_SHOWN ago are left out unless `ended`.
    """
    rows = Certificate.objects.order_by()
    if not ended:
        rows = rows.filter(ends_at__gt=now - ENDED_SHOWN)
    if uri:
        rows = rows.filter(uri__icontains=uri)
    newest = rows.values("uri").annotate(newest=Max("id")).values("newest")
    found = Certificate.objects.select_related("authority").filter(id__in=newest)
    return list(found.order_by("ends_at", "uri"))


def open_join_tokens(now: datetime) -> QuerySet[JoinToken]:
    """Tokens that can still be used."""
    return JoinToken.objects.filter(used_at=None, expires_at__gt=now)


def certificate_counts(now: datetime, soon: datetime) -> CertificateCounts:
    """Identities with a certificate valid `now`, and those whose last one ends before `soon`."""
    valid = set(Certificate.objects.filter(ends_at__gt=now).values_list("uri", flat=True))
    lasting = set(Certificate.objects.filter(ends_at__gt=soon).values_list("uri", flat=True))
    return CertificateCounts(valid=len(valid), ending=len(valid - lasting))


def policy_get(application: str) -> tuple[int, Policy]:
    """Version and policy of one application; version 0 is the default. Raises NotFound."""
    app = application_row(application)
    row = LinkPolicy.objects.filter(application=app).first()
    return (row.version if row else 0), policy_of(row)


def modes_of(application: str) -> dict[str, TlsMode]:
    """The mode of every open instance, by id; one without a sidecar speaks plaintext."""
    policy = policy_get(application)[1]
    rows = Instance.objects.open().filter(application__name=application).order_by("instance_id")
    return {
        name: policy.mode_of(name) if source == Source.SIDECAR else "plaintext"
        for name, source in rows.values_list("instance_id", "source")
    }


def strict_blockers(
    application: str, now: datetime, *, quiet_minutes: int = QUIET_MINUTES
) -> list[Blocker]:
    """What keeps an application from being strict; what is not known is in the way as well.

    Nothing may have come in plaintext for `quiet_minutes`.
    """
    return list(standing_of(application, now, minutes=quiet_minutes).blockers)
