"""Join tokens, first certificates, renewals: every signature is decided and logged here."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import Degraded, FieldFault, Invalid
from meshconsole.encryption import authority
from meshconsole.encryption.keeping import authority_ensure, roots_pem, signer_of
from meshconsole.encryption.models import Authority, Certificate, JoinToken
from meshconsole.encryption.signing import SigningFailed, Wanted
from proxy.contract.identity import InstanceIdentity, InvalidIdentity, Node, check_name

LEAF_LIFE = timedelta(hours=24)
TOKEN_LIFE_LIMIT_SECONDS = 600
TOKENS_KEPT = timedelta(days=7)
CERTIFICATES_KEPT = timedelta(days=90)
"""After their end."""
PRUNE_BATCH = 5000
_TOKEN_PREFIX = "mcj_"  # noqa: S105
_SECRET_BYTES = 32


class JoinRefused(ValueError):
    """Somebody may not have a certificate; `code` is stable, the text says what to do."""

    def __init__(self, code: str, msg: str, token: JoinToken | None = None) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.token = token


@dataclass(frozen=True)
class IssuedCertificate:
    """A leaf in PEM, every root to trust, and when the leaf ends."""

    chain: str
    roots: str
    not_after: datetime
    uri: str


def join_token_create(
    *,
    application: str,
    unit: str,
    actor: str,
    now: datetime,
    instance: str = "",
    ttl_seconds: int = TOKEN_LIFE_LIMIT_SECONDS,
) -> str:
    """A token for one enrolment within `ttl_seconds` (at most 600); shown once, kept as a hash.

    Raises Invalid, and Degraded when the first authority is to be outside and is not there.
    """
    _check_token_request(application, unit, instance, ttl_seconds)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    try:
        pin = authority_ensure(now).pin
    except SigningFailed as error:
        raise Degraded(str(error), code="signer") from None
    with transaction.atomic():
        token = JoinToken.objects.create(
            secret_sha256=_hashed(secret),
            application=application,
            unit=unit,
            instance=instance,
            created_by=actor[:150],
            created_at=now,
            expires_at=now + timedelta(seconds=ttl_seconds),
        )
        audit_record(
            actor=actor,
            verb="join_token.create",
            object=f"join-token:{token.pk}",
            after={
                "application": application,
                "unit": unit,
                "instance": instance,
                "expires_at": token.expires_at.isoformat(),
            },
        )
    return f"{_TOKEN_PREFIX}{secret}.{pin}"


def enrol(*, token: str, csr_pem: str, claimed: Node, now: datetime) -> IssuedCertificate:
    """Issue the first certificate; it is given away only with its token burnt and itself logged.

    Signing comes before that transaction, since whoever signs may be far away. Raises JoinRefused
    and SigningFailed; a refusal of a token that exists is audited, and the token stays as it was.
    """
    try:
        row = _token_for(token, claimed, now)
        identity = _identity(claimed)
        signed = _signed(_wanted(identity, csr_pem), now)
        with transaction.atomic():
            used = JoinToken.objects.filter(pk=row.pk, used_at=None)
            if not used.update(used_at=now, used_by=claimed.id):
                raise _used(row)
            issued = _logged(signed, Certificate.Purpose.JOIN, now)
            audit_record(
                actor=f"sidecar:{claimed.id}",
                verb="certificate.issue",
                object=f"instance:{claimed.id}",
                after={"uri": issued.uri, "join_token": row.pk},
            )
            return issued
    except JoinRefused as refusal:
        _audit_refusal(refusal, claimed)
        raise
    except authority.CsrRefused as refusal:
        refused = JoinRefused(refusal.code, refusal.msg, _found(token))
        _audit_refusal(refused, claimed)
        raise refused from None


def join_tokens_prune(*, now: datetime) -> int:
    """Forget tokens that ended a week ago; until then a late use is told why it is refused."""
    return JoinToken.objects.filter(expires_at__lt=now - TOKENS_KEPT).delete()[0]


def certificates_prune(*, now: datetime, limit: int = PRUNE_BATCH) -> int:
    """Forget certificates that ended long ago, but for the newest of each identity: a mesh of a
    thousand sidecars issues two thousand a day. Returns how many went."""
    newer = Certificate.objects.filter(uri=OuterRef("uri"), pk__gt=OuterRef("pk"))
    old = Certificate.objects.filter(Exists(newer), ends_at__lt=now - CERTIFICATES_KEPT)
    chosen = list(old.order_by("pk").values_list("pk", flat=True)[:limit])
    return Certificate.objects.filter(pk__in=chosen).delete()[0] if chosen else 0


def renew(*, identity: InstanceIdentity, csr_pem: str, now: datetime) -> IssuedCertificate:
    """Issue the next certificate to an identity that its current one has proven.

    Raises JoinRefused and SigningFailed.
    """
    try:
        wanted = _wanted(identity, csr_pem)
    except authority.CsrRefused as refusal:
        raise JoinRefused(refusal.code, refusal.msg) from None
    signed = _signed(wanted, now)
    with transaction.atomic():
        return _logged(signed, Certificate.Purpose.RENEWAL, now)


def server_certificate(*, hosts: list[str], now: datetime) -> tuple[IssuedCertificate, str]:
    """A leaf for the discovery daemon itself, and its private key in PEM; raises SigningFailed."""
    public, private_pem, csr = authority.request_create("discovery")
    wanted = Wanted(
        key=public,
        csr=csr,
        uri=f"spiffe://{settings.MESH_TRUST_DOMAIN}/discovery",
        common_name="discovery",
        life=LEAF_LIFE,
        hosts=tuple(hosts),
    )
    signed = _signed(wanted, now)
    with transaction.atomic():
        return _logged(signed, Certificate.Purpose.SERVER, now), private_pem


@dataclass(frozen=True)
class _Signed:
    """A leaf that nobody has yet."""

    row: Authority
    uri: str
    leaf: authority.Leaf


def _wanted(identity: InstanceIdentity, csr_pem: str) -> Wanted:
    return Wanted(
        key=authority.csr_public_key(csr_pem),
        csr=csr_pem,
        uri=identity.uri,
        common_name=identity.instance,
        life=LEAF_LIFE,
    )


def _signed(wanted: Wanted, now: datetime) -> _Signed:
    row = authority_ensure(now)
    return _Signed(row, wanted.uri, signer_of(row, now=now).sign(wanted, now=now))


def _logged(signed: _Signed, purpose: Certificate.Purpose, now: datetime) -> IssuedCertificate:
    """The leaf with its chain, ready to be given away, once the log has it."""
    leaf = signed.leaf
    Certificate.objects.create(
        serial=leaf.serial,
        authority=signed.row,
        uri=signed.uri,
        purpose=purpose,
        key_sha256=leaf.key_sha256,
        begins_at=leaf.not_before,
        ends_at=leaf.not_after,
        issued_at=now,
    )
    return IssuedCertificate(leaf.pem + signed.row.chain, roots_pem(), leaf.not_after, signed.uri)


def _check_token_request(application: str, unit: str, instance: str, ttl_seconds: int) -> None:
    wrong: list[FieldFault] = []
    for field, name in (("application", application), ("unit", unit), ("instance", instance)):
        if field == "instance" and not name:
            continue
        try:
            check_name(name)
        except InvalidIdentity as error:
            wrong.append(FieldFault(pointer=f"/{field}", detail=str(error)))
    if not 0 < ttl_seconds <= TOKEN_LIFE_LIMIT_SECONDS:
        detail = f"A join token lives 1 to {TOKEN_LIFE_LIMIT_SECONDS} seconds."
        wrong.append(FieldFault(pointer="/ttl_seconds", detail=detail))
    if wrong:
        raise Invalid(" ".join(fault["detail"] for fault in wrong), errors=wrong)


def _token_for(token: str, claimed: Node, now: datetime) -> JoinToken:
    row = _found(token)
    if row is None:
        raise JoinRefused("token_unknown", "This join token is not known; create a new one.")
    if row.used_at is not None:
        raise _used(row)
    if now >= row.expires_at:
        raise JoinRefused("token_expired", "This join token has expired; create a new one.", row)
    if claimed.app != row.application:
        raise JoinRefused(
            "token_other_application",
            f"This join token is for application {row.application!r}; "
            f"create one for {claimed.app[:63]!r}.",
            row,
        )
    if claimed.unit != row.unit:
        raise JoinRefused(
            "token_other_unit",
            f"This join token is for unit {row.unit!r}; create one for {claimed.unit[:63]!r}.",
            row,
        )
    if row.instance and claimed.id != row.instance:
        raise JoinRefused(
            "token_other_instance",
            f"This join token is for instance {row.instance!r}; "
            f"create one for {claimed.id[:63]!r}.",
            row,
        )
    return row


def _found(token: str) -> JoinToken | None:
    secret = token.removeprefix(_TOKEN_PREFIX).partition(".")[0]
    return JoinToken.objects.filter(secret_sha256=_hashed(secret)).first()


def _used(row: JoinToken) -> JoinRefused:
    return JoinRefused(
        "token_used", "This join token was used already; create one per instance.", row
    )


def _identity(claimed: Node) -> InstanceIdentity:
    try:
        return InstanceIdentity(
            trust_domain=settings.MESH_TRUST_DOMAIN,
            unit=check_name(claimed.unit),
            app=check_name(claimed.app),
            instance=check_name(claimed.id),
        )
    except InvalidIdentity as error:
        raise JoinRefused("name", str(error)) from None


def _audit_refusal(refusal: JoinRefused, claimed: Node) -> None:
    """Refusals of unknown tokens are only counted: anybody could fill the audit with them."""
    if refusal.token is None:
        return
    audit_record(
        actor=f"sidecar:{claimed.id[:63]}",
        verb="certificate.refuse",
        object=f"join-token:{refusal.token.pk}",
        after={"code": refusal.code, "application": claimed.app[:63], "unit": claimed.unit[:63]},
        reason=refusal.msg,
    )


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
