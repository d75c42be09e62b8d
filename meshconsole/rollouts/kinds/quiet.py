"""Waiting for quiet: what still came in plaintext a short while ago is waited out, for a time.

Callers leave plaintext by and by, so the last of it is no fault of anybody. Only quiet ends the
wait; when there is none for three times as long as it has to last, a person is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from meshconsole.core.errors import Degraded
from meshconsole.encryption.blockers import QUIET_MINUTES, Blocker
from meshconsole.rollouts.kinds.modes import ACCEPTED_SECONDS
from meshconsole.rollouts.kinds.protocol import Waits
from meshconsole.rollouts.models import Rollout, Wave
from meshconsole.telemetry import selectors as telemetry
from meshconsole.telemetry.reader import GRACE_SECONDS
from proxy.contract.snapshot import TlsMode

PATIENCE = 3
"""Times the quiet itself, after the hold."""
_PASSING = frozenset({"plain_requests", "plain_connections"})
"""These go by themselves; whoever cannot speak TLS, or is not ready, does not."""


def minutes_of(scale: float) -> int:
    """For so long nothing may have come in plaintext; traffic is not told apart more finely."""
    return max(1, math.ceil(QUIET_MINUTES * scale))


def hold_seconds(stage: TlsMode, scale: float) -> float:
    """Before the first wave of a second ladder: strict waits for no less than the quiet that it is
    held to, since what came in plaintext just before would be in its way."""
    seconds = ACCEPTED_SECONDS * scale
    return max(seconds, 60.0 * minutes_of(scale)) if stage == "strict" else seconds


def check(
    rollout: Rollout,
    wave: Wave,
    found_by: Mapping[str, Sequence[Blocker]],
    now: datetime,
    *,
    minutes: int,
) -> None:
    """Raise Waits while plaintext is all that is in the way of a wave, and not for too long."""
    found = [one for listed in found_by.values() for one in listed]
    if not found or any(one.kind not in _PASSING for one in found):
        return
    if now >= _given_up_at(rollout, wave, minutes):
        return
    until = max(_quiet_at(app, listed, now, minutes) for app, listed in found_by.items() if listed)
    raise Waits(f"Strict waits for {minutes} min without plaintext: {found[0].sentence}", until)


def _given_up_at(rollout: Rollout, wave: Wave, minutes: int) -> datetime:
    last = rollout.waves.filter(number__lt=wave.number).order_by("-number").first()
    since = (last.passed_at if last is not None else None) or rollout.started_at
    assert since is not None  # noqa: S101
    return since + timedelta(seconds=wave.hold_seconds + PATIENCE * 60 * minutes)


def _quiet_at(app: str, listed: Sequence[Blocker], now: datetime, minutes: int) -> datetime:
    """When it will have been quiet for long enough, if nothing more comes."""
    begun = now.timestamp()
    if not any(one.kind == "plain_connections" for one in listed):
        with suppress(Degraded):
            begun = telemetry.plain_until(app, minutes=minutes, now=begun) or begun
    seconds = begun + 60 * minutes + GRACE_SECONDS
    return max(now + timedelta(seconds=1), datetime.fromtimestamp(seconds, UTC))
