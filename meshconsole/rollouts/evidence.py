"""Evidence for the gates: what sidecars have told of a wave's instances, and of untouched ones.

What was before a wave is read once, when it begins, and kept in its row: later it might be gone.
Every reading is bounded, and what cannot be read is told as not known, never as good.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from meshconsole.core.errors import Degraded
from meshconsole.healing.models import Anomaly
from meshconsole.rollouts.facts import Facts, Side, Traffic
from meshconsole.rollouts.kinds.protocol import Seen
from meshconsole.rollouts.ledgers import Counts, came_since, counts_of, handshakes_since
from meshconsole.telemetry import links
from meshconsole.telemetry.links import Told
from meshconsole.telemetry.spans import instances_between
from meshconsole.telemetry.tally import total_of

PAST_SECONDS = (60.0, 600.0)
"""The span before a wave that is compared with: as long as its soak, within these bounds."""
MINUTE_SECONDS = 60.0


class Baseline(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was known when a wave began; kept in its row as JSON."""

    at: float
    cohort: Side | None = None
    """None when Redis did not answer."""
    control: Side | None = None
    links: Counts | None = None
    minute_at: float = 0.0
    minute: Counts = {}
    """Handshakes by edge, at the begin of the minute that is judged."""
    next_at: float = 0.0
    next: Counts = {}


def baseline_read(
    *, cohort: Collection[str], control: Collection[str], soak_seconds: float, now: datetime
) -> Baseline:
    """What the wave will be held against."""
    at = now.timestamp()
    least, most = PAST_SECONDS
    begin = at - max(least, min(soak_seconds, most)) - 10
    baseline = Baseline(at=at, minute_at=at, next_at=at)
    try:
        baseline.cohort = _side(cohort, begin, at, at)
        baseline.control = _side(control, begin, at, at) if control else None
    except Degraded:
        pass
    told = told_read()
    if told is not None:
        counts = counts_of(told, set(cohort))
        baseline.links = baseline.minute = baseline.next = counts
    return baseline


def told_read() -> list[Told] | None:
    """What sidecars say of their links; None while Redis does not answer."""
    try:
        return links.read()
    except Degraded:
        return None


def facts_read(
    baseline: Baseline,
    *,
    cohort: Sequence[str],
    control: Sequence[str],
    begun_at: datetime,
    soaking_at: datetime,
    seen: Seen,
    min_requests: int,
    now: datetime,
) -> Facts:
    """Everything that the gates may ask, as it is now."""
    told = told_read()
    return _with_ledgers(
        Facts(
            min_requests=min_requests,
            traffic=_traffic(baseline, cohort, control, soaking_at, now),
            acked=seen.acked,
            expected=seen.expected,
            missing=tuple(sorted(seen.missing)),
            ejections=_ejections(cohort, begun_at),
            control_ejections=_ejections(control, begun_at),
        ),
        baseline,
        set(cohort),
        told,
    )


def hard_facts_read(baseline: Baseline, *, cohort: Collection[str], min_requests: int) -> Facts:
    """Only what ends a rollout at once: cheap enough for every look."""
    return _with_ledgers(Facts(min_requests=min_requests), baseline, set(cohort), told_read())


def minute_moved(baseline: Baseline, cohort: Collection[str], now: datetime) -> Baseline | None:
    """The baseline with its minute moved on, when that is due: handshakes are judged over the
    last one or two minutes, so that a burst is never cut in two by a border. When nobody has looked
    for longer, a new minute begins: what failed in hours is not held against a minute."""
    at = now.timestamp()
    unseen = at - baseline.next_at
    if unseen < MINUTE_SECONDS:
        return None
    told = told_read()
    if told is None:
        return None
    counts = counts_of(told, set(cohort))
    was_away = unseen >= 2 * MINUTE_SECONDS
    return msgspec.structs.replace(
        baseline,
        minute_at=at if was_away else baseline.next_at,
        minute=counts if was_away else baseline.next,
        next_at=at,
        next=counts,
    )


def _with_ledgers(
    facts: Facts, baseline: Baseline, cohort: set[str], told: Sequence[Told] | None
) -> Facts:
    """The same facts with what the links' ledgers say, if those of the cohort speak at all."""
    if told is None or baseline.links is None or not any(one.instance in cohort for one in told):
        return facts
    now = counts_of(told, cohort)
    came = came_since(now, baseline.links)
    return msgspec.structs.replace(
        facts,
        cut=came.cut,
        cut_of=came.started,
        handshakes=handshakes_since(now, baseline.minute),
        plaintext_share=came.plain / came.arrived if came.arrived else None,
    )


def _traffic(
    baseline: Baseline,
    cohort: Collection[str],
    control: Collection[str],
    soaking_at: datetime,
    now: datetime,
) -> Traffic | None:
    if baseline.cohort is None:
        return None
    begin, at = soaking_at.timestamp(), now.timestamp()
    try:
        cohort_now = _side(cohort, begin, at, at)
        control_now = _side(control, begin, at, at) if control and baseline.control else None
    except Degraded:
        return None
    borrowed = not baseline.cohort.requests and baseline.control is not None
    return Traffic(
        cohort_before=baseline.control if borrowed and baseline.control else baseline.cohort,
        cohort_now=cohort_now,
        control_before=baseline.control if control_now is not None else None,
        control_now=control_now,
    )


def _side(names: Collection[str], begin: float, end: float, now: float) -> Side:
    total = total_of(instances_between(names, begin=begin, end=end, now=now).values())
    return Side(requests=total.requests, errors=total.error_count, latency=tuple(total.latency))


def _ejections(names: Collection[str], since: datetime) -> int:
    """Instances that callers have found failing since then."""
    rows = Anomaly.objects.filter(subject_instance__in=names, first_at__gte=since)
    return rows.values("subject_instance").distinct().count()
