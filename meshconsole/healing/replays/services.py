"""Replays: a person asks, the healer runs them; a replay reads evidence and acts on nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import Conflict, FieldFault, Invalid, NotFound
from meshconsole.healing.guards.parameters import (
    EJECTION,
    MODES,
    PARAMETERS,
    Parameter,
    number_faults,
)
from meshconsole.healing.replays.models import ReplayRun
from meshconsole.healing.replays.shapes import Found
from meshconsole.healing.replays.states import TRANSITIONS, UNFINISHED, ReplayEvent, ReplayState
from meshconsole.inventory.models import Application
from meshconsole.live.publish import publish_on_commit
from meshconsole.transitions import fire

PERIOD_LIMIT = timedelta(days=7)
"""Evidence is kept for so long."""
WAITING_LIMIT = 10
LEASE = timedelta(minutes=3)
ATTEMPTS = 2
KEPT = 200
HEALER = "healer"


def replay_request(
    *,
    begins_at: datetime,
    ends_at: datetime,
    mode: str,
    numbers: Mapping[str, float],
    ejection: Mapping[str, float],
    application: str,
    actor: str,
    now: datetime,
) -> ReplayRun:
    """Ask for one; raises Invalid for what cannot be replayed, Conflict while one is not done."""
    _check(begins_at, ends_at, mode, application)
    _check_numbers("/numbers", numbers, PARAMETERS)
    _check_numbers("/ejection", ejection, EJECTION)
    if ReplayRun.objects.filter(state__in=sorted(UNFINISHED)).count() >= WAITING_LIMIT:
        raise Conflict(f"{WAITING_LIMIT} replays wait already: ask again when some are done.")
    try:
        with transaction.atomic():
            run = ReplayRun.objects.create(
                application=application,
                begins_at=begins_at,
                ends_at=ends_at,
                mode=mode,
                numbers=dict(numbers),
                ejection=dict(ejection),
                requested_by=actor[:150],
                requested_at=now,
            )
            audit_record(
                actor=actor,
                verb="replay_run",
                object=f"replay:{run}",
                after={"mode": mode, "numbers": dict(numbers), "ejection": dict(ejection)},
                reason=f"Cases from {begins_at:%Y-%m-%d %H:%M} to {ends_at:%Y-%m-%d %H:%M} UTC.",
            )
            publish_on_commit(
                topic="replays", kind="replay_run", ref=str(run), data={"state": run.state}
            )
    except IntegrityError:
        raise Conflict("Your last replay is not done yet: wait for it.") from None
    return run


def replays() -> QuerySet[ReplayRun]:
    """Newest first."""
    return ReplayRun.objects.defer("found")


def replay_get(pk: int) -> ReplayRun:
    """One of them; raises NotFound."""
    run = ReplayRun.objects.filter(pk=pk).first()
    if run is None:
        raise NotFound(f"There is no replay {pk}.")
    return run


def found_of(run: ReplayRun) -> Found | None:
    """What it found; None while it is not done."""
    return None if run.found is None else msgspec.convert(run.found, Found)


def replay_claim(*, now: datetime) -> ReplayRun | None:
    """The oldest that waits, for whoever gets it; at most one runs at a time."""
    if ReplayRun.objects.filter(state=ReplayState.RUNNING, lease_until__gt=now).exists():
        return None
    _take_back(now)
    run = ReplayRun.objects.filter(state=ReplayState.REQUESTED).order_by("pk").first()
    if run is None:
        return None
    is_mine = fire(
        run,
        TRANSITIONS,
        ReplayEvent.BEGUN,
        actor=HEALER,
        reason="Its turn has come.",
        lease_until=now + LEASE,
        attempt=run.attempt + 1,
    )
    return run if is_mine else None


def replay_finish(run: ReplayRun, found: Found, *, now: datetime) -> bool:
    """Keep what was found; False when somebody else has taken it over."""
    return fire(
        run,
        TRANSITIONS,
        ReplayEvent.FINISHED,
        actor=HEALER,
        reason=f"{len(found.cases)} cases in {found.decisions} decisions.",
        expect={"attempt": run.attempt},
        found=msgspec.to_builtins(found),
        ended_at=now,
        lease_until=None,
    )


def replay_break(run: ReplayRun, error: str, *, now: datetime) -> bool:
    """It could not be run."""
    return fire(
        run,
        TRANSITIONS,
        ReplayEvent.BROKE,
        actor=HEALER,
        reason=error[:300],
        expect={"attempt": run.attempt},
        error=error[:300],
        ended_at=now,
        lease_until=None,
    )


def replays_prune() -> int:
    """Keep the latest; returns how many went."""
    kept = ReplayRun.objects.order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 1].first()
    if kept is None:
        return 0
    old = ReplayRun.objects.filter(pk__lte=kept).exclude(state__in=sorted(UNFINISHED))
    return old.delete()[0]


def _take_back(now: datetime) -> None:
    lost = ReplayRun.objects.filter(state=ReplayState.RUNNING, lease_until__lte=now)
    for run in lost[:WAITING_LIMIT]:
        if run.attempt >= ATTEMPTS:
            replay_break(run, "It took too long twice: choose a shorter period.", now=now)
        else:
            fire(
                run,
                TRANSITIONS,
                ReplayEvent.TAKEN_BACK,
                actor=HEALER,
                reason="Whoever ran it is gone.",
                expect={"attempt": run.attempt},
                lease_until=None,
            )


def _check(begins_at: datetime, ends_at: datetime, mode: str, application: str) -> None:
    if ends_at <= begins_at:
        raise _wrong("/ends_at", "A period ends after it begins.")
    if ends_at - begins_at > PERIOD_LIMIT:
        raise _wrong("/begins_at", f"A period is {PERIOD_LIMIT.days} days at most.")
    if mode not in MODES:
        raise _wrong("/mode", f"A mode is one of {', '.join(MODES)}.")
    if application and not Application.objects.filter(name=application).exists():
        raise _wrong("/application", f"There is no application {application!r}.")


def _check_numbers(
    pointer: str, given: Mapping[str, float], known: Mapping[str, Parameter]
) -> None:
    faults = [FieldFault(pointer=pointer, detail=said) for said in number_faults(given, known)]
    if faults:
        raise Invalid(faults[0]["detail"], errors=faults)


def _wrong(pointer: str, sentence: str) -> Invalid:
    return Invalid(sentence, errors=[FieldFault(pointer=pointer, detail=sentence)])
