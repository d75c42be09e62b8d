"""The generations of the authority: add one, sign with it, retire the one before; nothing skipped.

Each step is safe only when every sidecar has taken the one before it. The services do not look:
whoever asks brings the evidence (`selectors.rotation_evidence`), and without it they refuse.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from meshconsole.audit.services import audit_record
from meshconsole.core import revision
from meshconsole.core.errors import Conflict, Degraded, NotFound
from meshconsole.core.sealing import SealBroken
from meshconsole.encryption import authority
from meshconsole.encryption.keeping import authority_ensure, authority_make, authority_outside
from meshconsole.encryption.models import Authority
from meshconsole.encryption.signing import SigningFailed
from meshconsole.encryption.states import IN_FORCE, TRANSITIONS, AuthorityEvent, AuthorityState
from meshconsole.live.publish import publish_on_commit
from meshconsole.transitions import fire

GENERATIONS_LIMIT = 4
"""Roots that sidecars carry at once."""


def authority_add(*, now: datetime, actor: str, reason: str = "") -> Authority:
    """The next generation, of the kind that MESH_SIGNER says: trusted by all, signing nothing yet.

    Raises Conflict when its root is not new or there are too many, Degraded when it is outside and
    cannot be reached.
    """
    try:
        return _added(now=now, actor=actor, reason=reason)
    except (SigningFailed, SealBroken) as error:
        raise Degraded(str(error), code="signer") from None


def _added(*, now: datetime, actor: str, reason: str) -> Authority:
    authority_ensure(now)
    outside = authority_outside(now=now)
    with transaction.atomic():
        known = list(Authority.objects.select_for_update().filter(state__in=IN_FORCE))
        if len(known) >= GENERATIONS_LIMIT:
            raise Conflict(
                f"{len(known)} generations are trusted already; retire one of them first.",
                code="generations_many",
            )
        made = authority_make(outside, now=now, state=AuthorityState.TRUSTED)
        _refuse_known(made, known)
        revision.bump()
        audit_record(
            actor=actor,
            verb="authority_add",
            object=f"authority:{made}",
            after={
                "signer": made.signer,
                "location": made.location,
                "pin": made.pin,
                "ends_at": made.ends_at.isoformat(),
            },
            reason=reason,
        )
        publish_on_commit(topic="authorities", kind="added", ref=str(made))
    return made


def authority_sign_with(
    generation: int, *, trusted_by_all: bool, now: datetime, actor: str, reason: str = ""
) -> Authority:
    """Sign new leaves with this generation; sidecars renew theirs soon. One that signs already is
    left as it is.

    `trusted_by_all`: every live sidecar says that it trusts its root. Raises Conflict and NotFound.
    """
    with transaction.atomic():
        row = authority_get(generation)
        if row.state == AuthorityState.SIGNING:
            return row
        if not trusted_by_all:
            raise Conflict(
                f"Not every sidecar trusts generation {generation} yet; wait until all say so.",
                code="not_trusted_by_all",
            )
        before = Authority.objects.filter(state=AuthorityState.SIGNING).first()
        if before is not None:
            _moved(before, AuthorityEvent.SUPERSEDED, actor=actor, reason=reason)
        _moved(row, AuthorityEvent.SIGNING_ASKED, actor=actor, reason=reason, signs_from=now)
        revision.bump()
    return row


def authority_retire(
    generation: int, *, unused: bool, now: datetime, actor: str, reason: str = ""
) -> Authority:
    """Trust this generation no more: its leaves are refused from then on.

    `unused`: no live sidecar holds a leaf of it. The one that signs cannot be retired. Raises
    Conflict and NotFound.
    """
    with transaction.atomic():
        row = authority_get(generation)
        if row.state == AuthorityState.RETIRED:
            return row
        if row.state == AuthorityState.SIGNING:
            raise Conflict(
                f"Generation {generation} signs; sign with another one first.", code="signing"
            )
        if not unused:
            raise Conflict(
                f"Some sidecar still shows a certificate of generation {generation}; wait until "
                "all have renewed theirs.",
                code="still_used",
            )
        _moved(row, AuthorityEvent.RETIREMENT_ASKED, actor=actor, reason=reason, retired_at=now)
        revision.bump()
    return row


def authority_get(generation: int) -> Authority:
    """One generation, locked; raises NotFound."""
    row = Authority.objects.select_for_update().filter(generation=generation).first()
    if row is None:
        raise NotFound(f"There is no generation {generation} of the authority.")
    return row


def _refuse_known(made: Authority, known: list[Authority]) -> None:
    """Two roots of one name or one key identifier make verifiers pick the wrong one."""
    certificate = authority.certificate_load(made.certificate)
    for row in known:
        other = authority.certificate_load(row.certificate)
        if (
            certificate.subject == other.subject
            or row.pin == made.pin
            or authority.key_identifier(made.certificate)
            == authority.key_identifier(row.certificate)
        ):
            raise Conflict(
                f"This root has the name or the key of generation {row.generation}; make one with "
                "a new key and a name of its own first.",
                code="root_known",
            )


def _moved(
    row: Authority, event: AuthorityEvent, *, actor: str, reason: str, **changes: Any
) -> None:
    if not fire(row, TRANSITIONS, event, actor=actor, reason=reason, **changes):
        raise Conflict(
            f"Generation {row} has just been moved by somebody else: look again.",
            code="authority_changed",
        )
