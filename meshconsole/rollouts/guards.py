"""What forbids a verb, each as an error that says what to do instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Q

from meshconsole.core.errors import Conflict, FieldFault, Invalid, NotFound
from meshconsole.rollouts.brakes import switch_on, told_of
from meshconsole.rollouts.models import MESH, OwnerLock, Rollout, Wave
from meshconsole.rollouts.record import Lost
from meshconsole.rollouts.states import OWNING, RolloutState

REASON_LIMIT = 500


def shown(row: Rollout) -> dict[str, Any]:
    """A rollout's state as problems tell it."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "application": row.application,
        "state": row.state,
        "note": row.note,
    }


@contextmanager
def held_for(
    pk: int, allowed: set[RolloutState], word: str, *, done: set[RolloutState] | None = None
) -> Iterator[Rollout]:
    """The row, locked, when its state allows the verb or has its result already; raises NotFound,
    Conflict."""
    try:
        with transaction.atomic():
            row = Rollout.objects.select_for_update().filter(pk=pk).first()
            if row is None:
                raise NotFound(f"There is no rollout {pk}.")
            if row.state not in allowed | (done or set()):
                state = row.state.replace("_", " ")
                raise Conflict(
                    f"A rollout that is {state} cannot be {word}.",
                    code="rollout_state",
                    current_state=shown(row),
                )
            yield row
    except Lost:
        current = Rollout.objects.get(pk=pk)
        raise Conflict(
            "It was moved by somebody else just now: look again.",
            code="rollout_moved",
            current_state=shown(current),
        ) from None


def refuse_blocked(blockers: list[str], row: Rollout) -> None:
    """Raise Conflict with everything that is in the way."""
    if blockers:
        raise Conflict(
            f"It cannot begin: {blockers[0]}",
            code="blocked",
            errors=[FieldFault(pointer="", detail=one) for one in blockers],
            current_state=shown(row),
        )


def refuse_switched_off(row: Rollout) -> None:
    """Raise Conflict while a kill switch for rollouts is pulled for anything that it changes."""
    switch = switch_on(row)
    if switch is not None:
        raise Conflict(
            f"{told_of(switch)} Let it go first.",
            code="kill_switch",
            current_state=shown(row),
        )


def refuse_unfit(row: Rollout, wave: Wave) -> bool:
    """Raise Conflict for what no person may let pass; True when every gate passes."""
    waiting = wave.targets.filter(acked_at=None).order_by("pk").first()
    if waiting is not None:
        raise Conflict(
            f"{waiting.instance} does not have it in force, so the wave cannot pass.",
            code="not_acked",
            current_state=shown(row),
        )
    last = list(wave.evaluations.filter(round=wave.rounds))
    failed = next((one for one in last if one.verdict == "fail"), None)
    if failed is not None:
        raise Conflict(
            f"A gate failed, so the wave cannot pass: {failed.metric}: {failed.sentence}",
            code="gate_failed",
            current_state=shown(row),
        )
    return bool(last) and all(one.verdict == "pass" for one in last)


def owner_lock(kind: str) -> None:
    """Wait until nobody else starts a rollout of this kind; until the caller's transaction ends.

    Whoever comes second sees what the first has made its own.
    """
    OwnerLock.objects.bulk_create([OwnerLock(kind=kind)], ignore_conflicts=True)
    OwnerLock.objects.select_for_update().get(kind=kind)


def owner_of(row: Rollout) -> Rollout | None:
    """Another rollout that owns what this one changes; the whole mesh is part of any part of it."""
    others = Rollout.objects.filter(kind=row.kind, state__in=OWNING).exclude(pk=row.pk)
    if row.application != MESH:
        others = others.filter(Q(application=row.application) | Q(application=MESH))
    return others.first()


def owned(row: Rollout, owner: Rollout | None = None) -> Conflict:
    """The error for a change that another rollout owns."""
    owner = owner or owner_of(row)
    number = owner.pk if owner else "another"
    return Conflict(
        f"Rollout {number} changes the same thing just now: wait for it, or roll it back.",
        code="owned",
        current_state=shown(owner) if owner else None,
    )


def check_reason(reason: str, *, needed: bool = False) -> None:
    """Raise Invalid for a reason that is too long, or missing where one is needed."""
    sentence = ""
    if len(reason) > REASON_LIMIT:
        sentence = f"A reason has at most {REASON_LIMIT} characters."
    elif needed and not reason.strip():
        sentence = "To go past approval and freezes, say why."
    if sentence:
        raise Invalid(sentence, errors=[FieldFault(pointer="/reason", detail=sentence)])
