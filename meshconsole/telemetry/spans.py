"""Traffic of named instances over any span of the last quarter of an hour, by whole buckets."""

from __future__ import annotations

from collections.abc import Collection

from meshconsole.telemetry.reader import INSTANCES
from meshconsole.telemetry.tally import Tally


def tens_between(names: Collection[str], *, begin: float, end: float, now: float) -> list[Tally]:
    """What all of these together took in, bucket by bucket of ten seconds, without empty ones.

    Which buckets count is as in `instances_between`. Raises Degraded.
    """
    wanted = set(names)
    found = []
    for ten in INSTANCES.tens(begin=begin, end=end, now=now):
        total = Tally()
        for key, tally in ten.rows.items():
            if key.instance in wanted:
                total.add(tally)
        if not total.is_empty:
            found.append(total)
    return found


def instances_between(
    names: Collection[str], *, begin: float, end: float, now: float
) -> dict[str, Tally]:
    """What each of these took in from `begin` to `end` (epoch s); who took nothing is left out.

    A bucket counts when it begins at `begin` or later, and has ended by `end`; up to `now`, the
    one that still runs counts as well. Raises Degraded.
    """
    wanted = set(names)
    found: dict[str, Tally] = {}
    for ten in INSTANCES.tens(begin=begin, end=end, now=now):
        for key, tally in ten.rows.items():
            if key.instance in wanted:
                found.setdefault(key.instance, Tally()).add(tally)
    return found
