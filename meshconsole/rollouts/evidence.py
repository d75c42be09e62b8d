"""Evidence for the gates: what sidecars have told of a wave's instances, and of untouched ones.

What was before a wave is read once, when it begins, and kept in its row: later it might be gone.
Every reading is bounded, and what cannot be read is told as not known, never as good.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import msgspec

from meshconsole.core.errors import Degraded
from meshconsole.healing.models import Testimony
from meshconsole.inventory.models import Instance
from meshconsole.rollouts.facts import Facts, Part, Side, Traffic
from meshconsole.rollouts.kinds.protocol import Seen, Work
from meshconsole.rollouts.ledgers import (
    Counts,
    came_since,
    counts_of,
    handshakes_since,
    refused_by,
    refused_since,
)
from meshconsole.telemetry import links
from meshconsole.telemetry.links import Told
from meshconsole.telemetry.spans import tens_between
from meshconsole.telemetry.store import BUCKET_SECONDS
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
    refused: dict[str, int] = {}
    """Connections in plaintext that were refused, by life."""
    minute_at: float = 0.0
    minute: Counts = {}
    """Handshakes by edge, at the begin of the minute that is judged."""
    next_at: float = 0.0
    next: Counts = {}

    @property
    def is_whole(self) -> bool:
        """Did Redis answer everything that was asked?"""
        return self.cohort is not None and self.links is not None


class _Found(NamedTuple):
    """Instances that fail in the eyes of callers."""

    believed: int
    alone: dict[str, str]
    """Those that only one says so of, and who does."""


def baseline_read(work: Work, control: Collection[str]) -> Baseline:
    """What the wave will be held against."""
    at = work.now.timestamp()
    least, most = PAST_SECONDS
    begin = at - max(least, min(work.wave.soak_seconds, most)) - BUCKET_SECONDS
    baseline = Baseline(at=at, minute_at=at, next_at=at)
    try:
        baseline.cohort = _side(work.names, begin, at, at)
        baseline.control = _side(control, begin, at, at) if control else None
    except Degraded:
        pass
    if work.told is not None:
        counts = counts_of(work.told, work.names)
        baseline.links = baseline.minute = baseline.next = counts
        baseline.refused = refused_by(work.told, work.names)
    return baseline


def counted_from(now: datetime) -> datetime:
    """The first moment of a soak that begins `now` whose traffic is counted: that of the next
    bucket, as the one that runs holds what was before as well."""
    return datetime.fromtimestamp(
        -(-now.timestamp() // BUCKET_SECONDS) * BUCKET_SECONDS, now.tzinfo
    )


def told_read() -> list[Told] | None:
    """What sidecars say of their links; None while Redis does not answer."""
    try:
        return links.read()
    except Degraded:
        return None


def facts_read(
    work: Work, baseline: Baseline, control: Collection[str], seen: Seen, least: int
) -> Facts:
    """Everything that the gates may ask, as it is now; `least` requests make a verdict."""
    begun = work.wave.begun_at or work.now
    found, untouched = _ejections(work.names, begun), _ejections(control, begun)
    facts = Facts(
        min_requests=least,
        traffic=_traffic(work, baseline, control),
        acked=seen.acked,
        expected=seen.expected,
        missing=tuple(sorted(seen.missing)),
        ejections=found.believed,
        control_ejections=untouched.believed,
        alone_ejections=len(found.alone),
        alone_ejector=min(found.alone.values(), default=""),
    )
    return _with_ledgers(facts, work, baseline)


def hard_facts_read(work: Work, baseline: Baseline) -> Facts:
    """Only what ends a rollout at once: cheap enough for every look."""
    return _with_ledgers(Facts(), work, baseline)


def minute_moved(work: Work, baseline: Baseline) -> Baseline | None:
    """The baseline with its minute moved on, when that is due: handshakes are judged over the
    last one or two minutes, so that a burst is never cut in two by a border. When nobody has looked
    for longer, a new minute begins: what failed in hours is not held against a minute."""
    at = work.now.timestamp()
    unseen = at - baseline.next_at
    if work.told is None or unseen < MINUTE_SECONDS:
        return None
    counts = counts_of(work.told, work.names)
    was_away = unseen >= 2 * MINUTE_SECONDS
    return msgspec.structs.replace(
        baseline,
        minute_at=at if was_away else baseline.next_at,
        minute=counts if was_away else baseline.next,
        next_at=at,
        next=counts,
    )


def _with_ledgers(facts: Facts, work: Work, baseline: Baseline) -> Facts:
    """The same facts with what the links' ledgers say, and who of the cohort has not spoken."""
    told, cohort = work.told, set(work.names)
    if told is None or baseline.links is None:
        return facts
    now = counts_of(told, cohort)
    came = came_since(now, baseline.links)
    refused, sources = refused_since(told, cohort, baseline.refused)
    return msgspec.structs.replace(
        facts,
        cut=came.cut,
        cut_of=came.started,
        alone_cut=came.alone_cut,
        alone=came.alone,
        handshakes=handshakes_since(now, baseline.minute),
        plaintext_share=came.plain / came.arrived if came.arrived else None,
        untold=_untold(work, told),
        plain_refused=refused,
        plain_sources=sources,
    )


def _untold(work: Work, told: Collection[Told]) -> tuple[str, ...]:
    """Instances of the wave that are there and have not said how their links stand."""
    silent = set(work.names) - links.latest(told, work.now.timestamp()).keys()
    rows = Instance.objects.open().filter(instance_id__in=silent).order_by("instance_id")
    return tuple(rows.values_list("instance_id", flat=True)) if silent else ()


def _traffic(work: Work, baseline: Baseline, control: Collection[str]) -> Traffic | None:
    if baseline.cohort is None or work.wave.soaking_at is None:
        return None
    begin, at = work.wave.soaking_at.timestamp(), work.now.timestamp()
    try:
        cohort_now = _side(work.names, begin, at, at)
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
    tens = tens_between(names, begin=begin, end=end, now=now)
    total = total_of(tens)
    return Side(
        requests=total.requests,
        errors=total.error_count,
        latency=tuple(total.latency),
        parts=tuple(Part(one.requests, one.error_count, tuple(one.latency)) for one in tens),
    )


def _ejections(names: Collection[str], since: datetime) -> _Found:
    """Instances that callers have found failing since then. What two say is believed."""
    rows = Testimony.objects.filter(
        anomaly__subject_instance__in=names, anomaly__first_at__gte=since
    )
    by: dict[str, set[str]] = {}
    for subject, reporter in rows.values_list("anomaly__subject_instance", "reporter_instance"):
        by.setdefault(subject, set()).add(reporter)
    alone = {subject: min(who) for subject, who in by.items() if len(who) == 1}
    return _Found(believed=len(by) - len(alone), alone=alone)
