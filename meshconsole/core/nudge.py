"""Hints sent after commit: losing one costs a tick, never the truth."""

from __future__ import annotations

import logging

from django.db import transaction

from meshconsole.core import redis
from meshconsole.core.errors import Degraded

logger = logging.getLogger(__name__)


def nudge_on_commit(channel: str, text: str) -> None:
    """Publish `text` on a Redis channel after the transaction commits, if Redis is there."""
    transaction.on_commit(lambda: nudge(channel, text), robust=True)


def nudge(channel: str, text: str) -> None:
    """Publish now; a Redis that is down is not an error here."""
    try:
        redis.client().publish(channel, text)
    except Degraded:
        logger.debug("hint not sent", extra={"channel": channel})
