"""Who leaves out whom just now: rows that follow what each sidecar says of its own ejections.

A report that ejects says so at once; a full list each 15 s sets right what was lost on the way. A
sidecar that says nothing for a minute is not taken at its word any longer, whatever became of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from django.db.models import Q, QuerySet

from meshconsole.healing.evidence.claims import Claim, Message, Refusal, is_decent
from meshconsole.healing.evidence.ejection_models import ActiveEjection
from meshconsole.healing.evidence.models import Scope
from meshconsole.healing.evidence.quarantine import Refused
from meshconsole.inventory.models import Instance
from meshconsole.live.publish import publish_on_commit
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import Ejection

RENEWED_SECONDS = 60
"""Four full lists: an ejection that none of them names is over, or its caller is gone."""
PER_REPORTER_LIMIT = 256
"""What a sidecar leaves out beyond that is not kept; it is more than the caps of its own let be."""
_TOLD_LIMIT = 50
_ROWS_TOGETHER = 200
_COLUMNS = (
    "ejection_id", "reporter_app", "reporter_unit", "subject_unit", "subject_group", "rule",
    "mode", "state", "times", "since", "until", "said_at", "renewed_at",
)  # fmt: skip
Key = tuple[str, str, str]
"""Reporter, service and subject."""


class EjectionWord(msgspec.Struct, frozen=True, kw_only=True):
    """What one reporter says at one time: of all its ejections, or of some that changed."""

    reporter: InstanceIdentity
    said_at: datetime
    active: Sequence[Ejection] = ()
    ended: Sequence[tuple[str, str]] = ()
    """Service and subject of those that are over."""
    is_whole: bool = False
    """Is whatever it does not name over?"""


def active_ejections(instance: str, *, now: datetime) -> QuerySet[ActiveEjection]:
    """The ejections of an instance that callers have renewed within a minute, newest first.

    Each is one caller's word: `reporter_instance`, `mode`, `state`, `times`, `since`, `until`,
    `renewed_at`. Mode `report` leaves the traffic alone and is evidence all the same.
    """
    return _fresh(now).filter(subject_instance=instance).order_by("-since", "reporter_instance")


def service_ejections(application: str, *, now: datetime) -> QuerySet[ActiveEjection]:
    """The same for all instances of an application, by instance."""
    return _fresh(now).filter(service=application).order_by("subject_instance", "-since")


def ejections_now(*, now: datetime) -> QuerySet[ActiveEjection]:
    """All that callers have renewed within a minute, of whichever instance."""
    return _fresh(now)


def ejections_by(reporter: str, *, now: datetime) -> QuerySet[ActiveEjection]:
    """Whom one sidecar leaves out, by service and instance."""
    mine = _fresh(now).filter(reporter_instance=reporter)
    return mine.order_by("service", "subject_instance")


def ejections_expire(*, now: datetime, limit: int = 500) -> int:
    """Forget ejections that nobody has renewed for a minute; returns how many."""
    old = ActiveEjection.objects.filter(renewed_at__lte=_since(now)).order_by("pk")
    rows = list(old.values_list("pk", "subject_instance")[:limit])
    if not rows:
        return 0
    # What was renewed in between stays.
    count, _ = ActiveEjection.objects.filter(
        pk__in=[pk for pk, _ in rows], renewed_at__lte=_since(now)
    ).delete()
    _tell({subject for _, subject in rows})
    return count


def words_of(messages: Iterable[Message], believed: Iterable[Claim]) -> list[EjectionWord]:
    """What messages and the claims among them that were believed say of ejections, oldest first."""
    words = [
        EjectionWord(
            reporter=message.reporter,
            said_at=datetime.fromtimestamp(message.said_at, UTC),
            active=message.ejections[:PER_REPORTER_LIMIT],
            is_whole=True,
        )
        for message in messages
        if message.ejections is not None
    ]
    words += [
        EjectionWord(
            reporter=claim.reporter,
            said_at=claim.window_end,
            active=[claim.ejection] if claim.is_failing else (),
            ended=() if claim.is_failing else [(claim.subject_app, claim.subject_instance)],
        )
        for claim in believed
        if claim.ejection is not None and _is_of_subject(claim, claim.ejection)
    ]
    return sorted(words, key=lambda word: word.said_at)


def ejections_converge(words: Sequence[EjectionWord], *, now: datetime) -> list[Refused]:
    """Make the rows say what the reporters say, in the caller's transaction.

    Words are in the order in which they were said. Returns what was not believed: an ejection of
    an instance that inventory does not have, or has in another application.
    """
    if not words:
        return []
    reporters = {word.reporter.instance for word in words}
    rows = {
        (row.reporter_instance, row.service, row.subject_instance): row
        for row in ActiveEjection.objects.filter(reporter_instance__in=reporters)
    }
    before = {key: (row.state, row.mode) for key, row in rows.items()}
    known = _known(reporters | {each.instance for word in words for each in word.active})
    refused: list[Refused] = []
    for word in words:
        _drop(rows, word)
        for ejection in word.active:
            refusal = _doubt(word, ejection, known)
            if refusal is not None:
                refused.append((word.reporter, refusal))
            else:
                _put(rows, word, ejection, known[ejection.instance], now)
    _write(rows, before, now)
    return refused


def _is_of_subject(claim: Claim, ejection: Ejection) -> bool:
    subject = (claim.subject_app, claim.subject_instance)
    return claim.scope == Scope.INSTANCE and subject == (ejection.service, ejection.instance)


def _drop(rows: dict[Key, ActiveEjection], word: EjectionWord) -> None:
    named = {(each.service, each.instance) for each in word.active}
    for key in [key for key in rows if key[0] == word.reporter.instance]:
        is_over = key[1:] in word.ended or (word.is_whole and key[1:] not in named)
        if is_over and rows[key].said_at <= word.said_at:
            del rows[key]


def _put(
    rows: dict[Key, ActiveEjection],
    word: EjectionWord,
    ejection: Ejection,
    seat: tuple[str, str, str],
    now: datetime,
) -> None:
    key = (word.reporter.instance, ejection.service, ejection.instance)
    earlier = rows.get(key)
    if earlier is not None and earlier.said_at > word.said_at:
        return
    _, unit, group = seat
    rows[key] = ActiveEjection(
        ejection_id=ejection.id,
        reporter_instance=word.reporter.instance,
        reporter_app=word.reporter.app,
        reporter_unit=word.reporter.unit,
        service=ejection.service,
        subject_instance=ejection.instance,
        subject_unit=unit,
        subject_group=group,
        rule=ejection.rule,
        mode=ejection.mode,
        state=ejection.state,
        times=ejection.times,
        since=datetime.fromtimestamp(ejection.since, UTC),
        until=datetime.fromtimestamp(ejection.until, UTC),
        said_at=word.said_at,
        renewed_at=now,
    )


def _write(
    rows: dict[Key, ActiveEjection], before: dict[Key, tuple[str, str]], now: datetime
) -> None:
    over = before.keys() - rows.keys()
    if over:
        gone = Q()
        for reporter, service, subject in over:
            gone |= Q(reporter_instance=reporter, service=service, subject_instance=subject)
        ActiveEjection.objects.filter(gone).delete()
    ActiveEjection.objects.bulk_create(
        [row for row in rows.values() if row._state.adding],
        batch_size=_ROWS_TOGETHER,
        update_conflicts=True,
        unique_fields=["reporter_instance", "service", "subject_instance"],
        update_fields=_COLUMNS,
    )
    changed = {key for key, row in rows.items() if before.get(key) != (row.state, row.mode)}
    _tell({subject for _, _, subject in over | changed})


def _tell(subjects: set[str]) -> None:
    """Browsers hear which instances to look at again."""
    for subject in sorted(subjects)[:_TOLD_LIMIT]:
        publish_on_commit(topic="ejections", kind="changed", ref=subject)


def _doubt(
    word: EjectionWord, ejection: Ejection, known: dict[str, tuple[str, str, str]]
) -> Refusal | None:
    if not is_decent(ejection):
        return Refusal(reason="ejection", detail="An ejection whose names or times cannot be true.")
    reporter = word.reporter.instance
    if reporter not in known:
        return Refusal(reason="reporter_unknown", detail=f"Inventory has no instance {reporter!r}.")
    seat = known.get(ejection.instance)
    if seat is None or seat[0] != ejection.service:
        detail = f"Inventory has no instance {ejection.instance!r} of {ejection.service!r}."
        return Refusal(reason="ejection_unknown", detail=detail)
    if ejection.instance == reporter:
        return Refusal(reason="subject_self", detail="A sidecar does not eject itself.")
    return None


def _known(instances: set[str]) -> dict[str, tuple[str, str, str]]:
    """Application, unit and group of each that inventory has."""
    decent = [name for name in instances if name.isascii() and len(name) <= 63]
    rows = Instance.objects.filter(instance_id__in=decent).values_list(
        "instance_id", "application__name", "unit__name", "group__name"
    )
    return {instance: (app, unit, group) for instance, app, unit, group in rows.order_by()}


def _fresh(now: datetime) -> QuerySet[ActiveEjection]:
    return ActiveEjection.objects.filter(renewed_at__gt=_since(now))


def _since(now: datetime) -> datetime:
    return now - timedelta(seconds=RENEWED_SECONDS)
