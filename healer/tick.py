"""One round: every due row of every room is moved on once, by whoever wins it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import DatabaseError

from healer.casework import advancing
from healer.notices.sending import notices_send
from healer.replay import working as replaying
from healer.replay.scoring import scores_update
from meshconsole.encryption import issuance
from meshconsole.healing import services as healing
from meshconsole.healing.cases import approvals
from meshconsole.healing.evidence import callers, ejections
from meshconsole.healing.notices import services as notices
from meshconsole.healing.replays import services as replays
from meshconsole.live import services as live
from meshconsole.rollouts import pruning, services as rollouts

logger = logging.getLogger(__name__)

Step = tuple[str, Callable[[datetime], int]]

ADVANCE: tuple[Step, ...] = (
    ("anomalies lapsed", lambda now: healing.anomalies_lapse(now=now)),
    ("anomalies told", lambda now: healing.anomalies_publish(now=now)),
    ("ejections expired", lambda now: ejections.ejections_expire(now=now)),
    ("callers read", lambda now: callers.callers_sample(now=now)),
    ("cases moved", advancing.advance),
    ("approvals ended", lambda now: approvals.approvals_expire(now=now)),
    ("notices made", lambda now: notices.notices_make(now=now)),
    ("notices begun", notices_send),
    ("rollouts moved", rollouts.rollouts_advance),
    ("replays begun", replaying.advance),
)
PRUNE: tuple[Step, ...] = (
    ("evidence pruned", lambda now: healing.evidence_prune(now=now)),
    ("notices pruned", lambda now: notices.notices_prune(now=now)),
    ("events pruned", lambda now: live.events_prune(now)),
    ("policies scored", scores_update),
    ("replays pruned", lambda now: replays.replays_prune()),
    ("join tokens pruned", lambda now: issuance.join_tokens_prune(now=now)),
    ("certificates pruned", lambda now: issuance.certificates_prune(now=now)),
    ("rounds of gates pruned", lambda now: pruning.evaluations_prune(now=now)),
)


def advance(*, now: datetime) -> dict[str, int]:
    """Do what is due at `now`; returns how many rows each step moved."""
    return _run(ADVANCE, now)


def prune(*, now: datetime) -> dict[str, int]:
    """Forget what is old at `now`; returns how many rows went."""
    return _run(PRUNE, now)


def _run(steps: Iterable[Step], now: datetime) -> dict[str, int]:
    """Run each step; one that fails is heard of and does not keep the others from running."""
    moved = {}
    for name, step in steps:
        try:
            moved[name] = step(now)
        except DatabaseError:
            logger.exception("step failed", extra={"step": name})
            continue
        if moved[name]:
            logger.info(name, extra={"count": moved[name]})
    return moved
