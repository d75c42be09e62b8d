"""Replays that people asked for, one after the other, beside the tick."""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec
from django.utils import timezone

from healer.casework.hands import Hands, Threads
from healer.replay.running import Candidate, replayed
from meshconsole.healing.replays.models import ReplayRun
from meshconsole.healing.replays.services import replay_break, replay_claim, replay_finish

logger = logging.getLogger(__name__)
_hands: Hands = Threads(workers=1)


def advance(now: datetime, hands: Hands | None = None) -> int:
    """Take up the next that waits; returns how many were."""
    run = replay_claim(now=now)
    if run is None:
        return 0
    taken = run
    (hands or _hands).do(f"replay {taken.pk}", lambda: work(taken))
    return 1


def work(run: ReplayRun) -> None:
    """Run it, and keep what it found or why it found nothing."""
    chosen = {"mode": run.mode, "numbers": run.numbers, "ejection": run.ejection}
    candidate = msgspec.convert(chosen, Candidate)
    try:
        found = replayed(
            candidate,
            begins_at=run.begins_at,
            ends_at=run.ends_at,
            application=run.application,
            now=timezone.now(),
        )
    except Exception:
        logger.exception("replay failed", extra={"replay": run.pk})
        replay_break(run, "It broke off by a fault of the healer: see its log.", now=timezone.now())
        return
    replay_finish(run, found, now=timezone.now())
