"""Which reports are believed: decent in form, new, and not against what inventory says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from meshconsole.healing.evidence.claims import (
    Claim,
    KnownInstance,
    Message,
    Refusal,
    claim_of,
    doubt,
)
from meshconsole.healing.evidence.models import AnomalyReport, Origin
from meshconsole.healing.evidence.quarantine import Refused
from meshconsole.inventory.models import Application, Instance

MaySpeak = Callable[[str, str, str, datetime], bool]
"""`(app, unit, callee, now)`: may instances of `app` speak of those of `callee`?"""


def everybody(app: str, unit: str, callee: str, now: datetime) -> bool:
    """Nobody is kept from speaking of anybody."""
    return True


class Judgement(msgspec.Struct, kw_only=True):
    """What becomes of each report of a batch."""

    believed: list[Claim] = []
    """In the order of their windows."""
    known: dict[str, KnownInstance] = {}
    """Whom they concern; a service without an instance by `app:` and its name."""
    refused: list[Refused] = []
    reasons: dict[str, Refusal] = {}
    """Of those refused, by the id of the event."""
    repeated: set[str] = set()
    """Ids of events that were kept before."""


def judge(messages: Sequence[Message], *, may_speak: MaySpeak, now: datetime) -> Judgement:
    """Read, compare with what is stored and with inventory; writes nothing."""
    judged = Judgement()
    claims = _unknown(_read(messages, judged, now), judged)
    judged.known = _known(claims)
    for claim in claims:
        refusal = doubt(claim, judged.known) or _upstream_doubt(claim, may_speak, now)
        if refusal is None:
            judged.believed.append(claim)
        else:
            judged.refused.append((claim.reporter, refusal))
            judged.reasons[claim.event_id] = refusal
    return judged


def _read(messages: Iterable[Message], judged: Judgement, now: datetime) -> list[Claim]:
    claims: dict[str, Claim] = {}
    for message in messages:
        for ordinal, event in enumerate(message.events):
            read = claim_of(message, ordinal, now=now)
            if isinstance(read, Refusal):
                judged.refused.append((message.reporter, read))
                judged.reasons[event.id] = read
            else:
                claims.setdefault(read.event_id, read)
    return sorted(claims.values(), key=lambda claim: claim.window_end)


def _unknown(claims: list[Claim], judged: Judgement) -> list[Claim]:
    ids = [claim.event_id for claim in claims]
    stored = AnomalyReport.objects.filter(event_id__in=ids).values_list("event_id", flat=True)
    judged.repeated = set(stored)
    return [claim for claim in claims if claim.event_id not in judged.repeated]


def _known(claims: Iterable[Claim]) -> dict[str, KnownInstance]:
    ids, apps = set(), set()
    for claim in claims:
        ids.add(claim.reporter.instance)
        if claim.subject_instance:
            ids.add(claim.subject_instance)
        else:
            apps.add(claim.subject_app)
    rows = Instance.objects.filter(instance_id__in=ids).values_list(
        "instance_id", "application__name", "unit__name", "group__name", "address"
    )
    known = {
        instance: KnownInstance(instance=instance, app=app, unit=unit, group=group, address=address)
        for instance, app, unit, group, address in rows.order_by()
    }
    if apps:
        for app in Application.objects.filter(name__in=apps).values_list("name", flat=True):
            known[f"app:{app}"] = KnownInstance(instance="", app=app, unit="", group="", address="")
    return known


def _upstream_doubt(claim: Claim, may_speak: MaySpeak, now: datetime) -> Refusal | None:
    """A sidecar speaks of whom it may call; what came from outside is nobody's upstream."""
    reporter = claim.reporter
    if claim.origin != Origin.SIDECAR or may_speak(
        reporter.app, reporter.unit, claim.subject_app, now
    ):
        return None
    detail = f"{reporter.app} in {reporter.unit} may not call {claim.subject_app}."
    return Refusal(reason="subject_foreign", detail=detail)
