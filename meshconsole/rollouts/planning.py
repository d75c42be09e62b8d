"""From a wish to rows: the plan of a rollout as it would be now, and as it was previewed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings

from meshconsole.rollouts.cohort import waits_of
from meshconsole.rollouts.kinds.protocol import Draft
from meshconsole.rollouts.kinds.registry import kind_of
from meshconsole.rollouts.models import Rollout, Target, Wave

SCALE_LEAST, REQUESTS_LEAST = 0.5, 100
"""Soaks that are shorter, and verdicts of fewer requests, need a second person, save in a demo: it
has no time."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollout would do, what is in its way, and who would have to agree."""

    kind: str
    application: str
    summary: str
    waves: list[dict[str, Any]]
    affected_sidecars: int
    instance_count: int
    soak_seconds: float
    """Of all waves, holds among them: the least that it takes."""
    min_requests: int
    blockers: list[str]
    approval: str
    """Why policy asks a second person; empty when it does not."""
    hindsight: list[str] = []
    """What it would have done in the last days, each a sentence."""


def rollout_of(kind: str, application: str, spec: Mapping[str, Any]) -> Rollout:
    """A rollout that is not a row yet, its spec checked; raises Invalid, NotFound."""
    checked = kind_of(kind).checked(application, spec)
    return Rollout(kind=kind, application=application, spec=checked)


def preview_of(rollout: Rollout, now: datetime) -> Preview:
    """Its plan as the mesh is now; changes nothing."""
    draft = kind_of(rollout.kind).plan(rollout)
    seats = {seat.instance for wave in draft.waves for seat in wave.seats}
    return Preview(
        kind=rollout.kind,
        application=rollout.application,
        summary=draft.summary,
        waves=[
            {
                "number": number,
                "stage": wave.stage,
                "share": wave.share,
                "goal": wave.goal,
                "soak_seconds": wave.soak_seconds,
                "hold_seconds": wave.hold_seconds,
                "instances": [seat.instance for seat in wave.seats],
            }
            for number, wave in enumerate(draft.waves, 1)
        ],
        affected_sidecars=draft.affected_sidecars,
        instance_count=len(seats),
        soak_seconds=sum(wave.soak_seconds + wave.hold_seconds for wave in draft.waves),
        min_requests=waits_of(rollout).min_requests,
        blockers=blockers_of(rollout, draft, now),
        approval=approval_of(rollout, draft),
        hindsight=kind_of(rollout.kind).hindsight(rollout, now),
    )


def blockers_of(rollout: Rollout, draft: Draft, now: datetime) -> list[str]:
    """Why it may not begin now, each as a sentence."""
    found = kind_of(rollout.kind).precheck(rollout, None, now)
    return found if found or draft.waves else ["There is nothing to change."]


def approval_of(rollout: Rollout, draft: Draft) -> str:
    """Why a second person is asked."""
    if draft.approval:
        return draft.approval
    waits = waits_of(rollout)
    if not settings.MESH_DEMO:
        if waits.soak_scale < SCALE_LEAST:
            return f"It is hasty: its soaks are scaled by {waits.soak_scale:g}."
        if waits.min_requests < REQUESTS_LEAST:
            return f"It judges by few requests: {waits.min_requests} are enough for it."
    return "Whoever made it asks for it." if waits.ask_approval else ""


def waves_write(rollout: Rollout, draft: Draft) -> None:
    """The plan as rows, in place of any before."""
    rollout.waves.all().delete()
    for number, planned in enumerate(draft.waves, 1):
        wave = Wave.objects.create(
            rollout=rollout,
            number=number,
            stage=planned.stage,
            share=planned.share,
            goal=planned.goal,
            soak_seconds=planned.soak_seconds,
            hold_seconds=planned.hold_seconds,
        )
        Target.objects.bulk_create(
            Target(
                wave=wave,
                instance=seat.instance,
                application=seat.application,
                unit=seat.unit,
            )
            for seat in planned.seats
        )


def is_as_planned(rollout: Rollout, draft: Draft) -> bool:
    """Is the plan in the rows still the one that would be made now?"""
    kept = [
        (wave.stage, wave.share, wave.goal, [t.instance for t in wave.targets.order_by("pk")])
        for wave in rollout.waves.order_by("number")
    ]
    now = [
        (wave.stage, wave.share, wave.goal, [seat.instance for seat in wave.seats])
        for wave in draft.waves
    ]
    return kept == now
