"""The life of a replay: asked for, run by one healer, done or failed.

A healer that dies leaves it running; when its lease is over the replay is taken back and run again,
which changes nothing but time: a replay reads, and writes its own row.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db.models import TextChoices


class ReplayState(TextChoices):
    """What is true of a replay now."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ReplayEvent(TextChoices):
    """What happened to it."""

    BEGUN = "replay_begun"
    FINISHED = "replay_finished"
    BROKE = "replay_broke"
    TAKEN_BACK = "replay_taken_back"


_S, _E = ReplayState, ReplayEvent
TRANSITIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (_S.REQUESTED, _E.BEGUN): _S.RUNNING,
        (_S.RUNNING, _E.FINISHED): _S.DONE,
        (_S.RUNNING, _E.BROKE): _S.FAILED,
        (_S.RUNNING, _E.TAKEN_BACK): _S.REQUESTED,
    }
)
UNFINISHED = frozenset({_S.REQUESTED, _S.RUNNING})
"""Somebody waits for these."""
TERMINAL = frozenset({_S.DONE, _S.FAILED})
