"""What of a run's samples is growth.

Memory is judged within a generation, after a warm-up, by the median of all slopes between two
samples (Theil and Sen): a page of the allocator more or less is no trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median

import msgspec

WARM_UP = 50_000
"""Requests before memory is judged, and over which it is judged at least."""
SLOPE_LIMIT_KB = 100.0
"""Per 100,000 requests and process; Envoy 83, HAProxy 34, nginx 0."""
FILES_SLACK, TASKS_SLACK = 3, 5


class Sample(msgspec.Struct, frozen=True):
    """Memory of a generation after so many requests."""

    generation: str
    done: int
    resident: int


class Open(msgspec.Struct, frozen=True):
    """What a proxy holds; connections that it counts itself are no files."""

    files: int
    tasks: int


def slopes(samples: Sequence[Sample]) -> dict[str, float]:
    """Kilobytes per 100,000 requests of each generation that lived long enough to say."""
    found = {}
    for generation in dict.fromkeys(sample.generation for sample in samples):
        own = [sample for sample in samples if sample.generation == generation]
        warm = [sample for sample in own if sample.done - own[0].done >= WARM_UP]
        if len(warm) >= 8 and warm[-1].done - warm[0].done >= WARM_UP:
            found[generation] = (
                100_000
                / 1024
                * median(
                    (two.resident - one.resident) / (two.done - one.done)
                    for one, two in combinations(warm, 2)
                    if two.done > one.done
                )
            )
    return found


def grown(found: dict[str, float], processes: int) -> list[str]:
    """Which generations grew, of so many processes each."""
    return [
        f"{generation} grew by {kb:.0f} kB per 100,000 requests"
        for generation, kb in found.items()
        if kb > SLOPE_LIMIT_KB * processes
    ]


def kept(before: Open, after: Open, processes: int) -> list[str]:
    """What is open after a run that was not before."""
    short = []
    if abs(after.files - before.files) > FILES_SLACK * processes:
        short.append(f"{before.files} files were open before and {after.files} after")
    if abs(after.tasks - before.tasks) > TASKS_SLACK:
        short.append(f"{before.tasks} tasks ran before and {after.tasks} after")
    return short
