"""Splits of traffic between groups: checked, compared and told in words, from given facts only."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

Split = dict[str, float]
"""Group to percent, 0 to 100 with two decimals at most; the percents sum to 100."""

GROUPS_LIMIT = 50
_TOLERANCE = 0.005


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to know about a split: stable code, where, and a sentence with what to do."""

    code: str
    severity: Literal["block", "warn"]
    pointer: str
    detail: str


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of the from-to matrix; `source` equal to `target` is what stays."""

    source: str
    target: str
    percent: float
    """Of all requests to the application."""
    requests_per_second: float


def normalised(split: Mapping[str, float]) -> Split:
    """The same split in one form: names in order, whole percents as integers."""
    return {
        group: int(percent) if float(percent).is_integer() else round(float(percent), 2)
        for group, percent in sorted(split.items())
    }


def shape_findings(split: Mapping[str, object]) -> list[Finding]:
    """What is wrong with the numbers themselves."""
    if not split:
        return [_block("split_empty", "/split", "Name at least one group with its percent.")]
    if len(split) > GROUPS_LIMIT:
        return [_block("split_long", "/split", f"A split names {GROUPS_LIMIT} groups at most.")]
    found = [
        _block("percent", _pointer(group), f"The percent of {group!r} is a number from 0 to 100.")
        for group, percent in split.items()
        if not _is_percent(percent)
    ]
    if found:
        return found
    numbers = {
        group: float(percent)
        for group, percent in split.items()
        if isinstance(percent, int | float)
    }
    found = [
        _block("percent_fine", _pointer(group), "A percent has two decimals at most.")
        for group, percent in numbers.items()
        if abs(round(percent, 2) - percent) > 1e-9
    ]
    total = sum(numbers.values())
    if abs(total - 100) > _TOLERANCE:
        found.append(
            _block("percent_sum", "/split", f"The percents sum to 100, not to {_told(total)}.")
        )
    return found


def group_findings(
    split: Mapping[str, float], *, app: str, groups: Collection[str], serving: Mapping[str, int]
) -> list[Finding]:
    """What is wrong with the groups: `groups` are those of `app`, `serving` counts instances."""
    found = []
    for group, percent in split.items():
        if group not in groups:
            known = ", ".join(sorted(groups)) or "none"
            found.append(
                _block(
                    "group_unknown",
                    _pointer(group),
                    f"{app} has no group {group!r}; its groups are: {known}.",
                )
            )
        elif percent > 0 and not serving.get(group, 0):
            found.append(
                Finding(
                    code="group_empty",
                    severity="warn",
                    pointer=_pointer(group),
                    detail=(
                        f"{group} of {app} has no serving instance: {_told(percent)}% of requests "
                        "would fail. Start one there, or set it anyway with `force`."
                    ),
                )
            )
    return found


def moves(before: Mapping[str, float], after: Mapping[str, float], *, rate: float) -> list[Move]:
    """The from-to matrix between two shares in percent, with the fewest requests moved.

    `rate` is all requests per second to the application.
    """
    names = sorted({*before, *after})
    cells = {name: min(before.get(name, 0.0), after.get(name, 0.0)) for name in names}
    matrix = [(name, name, stays) for name, stays in cells.items() if stays > _TOLERANCE]
    gives = {name: before.get(name, 0.0) - cells[name] for name in names}
    takes = {name: after.get(name, 0.0) - cells[name] for name in names}
    for source in names:
        for target in names:
            part = min(gives[source], takes[target])
            if part > _TOLERANCE:
                matrix.append((source, target, part))
                gives[source] -= part
                takes[target] -= part
    return [
        Move(
            source=source,
            target=target,
            percent=round(part, 2),
            requests_per_second=part / 100 * rate,
        )
        for source, target, part in matrix
    ]


def difference(before: Mapping[str, float] | None, after: Mapping[str, float]) -> list[str]:
    """What changes, a line per group; nothing when nothing does."""
    if before is None:
        return [f"{group}: no route -> {_told(after[group])}%" for group in sorted(after)]
    return [
        f"{group}: {_told(before.get(group, 0))}% -> {_told(after.get(group, 0))}%"
        for group in sorted({*before, *after})
        if before.get(group, 0) != after.get(group, 0)
    ]


def summary(app: str, before: Mapping[str, float] | None, after: Mapping[str, float]) -> str:
    """The change as one sentence."""
    if before is None:
        return f"Route requests to {app}: {_shares(after)}."
    moved = [move for move in moves(before, after, rate=0.0) if move.source != move.target]
    if not moved:
        return f"Nothing changes for {app}: {_shares(after)}."
    told = ", ".join(f"{_told(m.percent)}% from {m.source} to {m.target}" for m in moved)
    return f"Move {told} of requests to {app}: {_shares(after)}."


def _shares(split: Mapping[str, float]) -> str:
    parts = [f"{_told(percent)}% {group}" for group, percent in sorted(split.items()) if percent]
    return ", ".join(parts)


def _block(code: str, pointer: str, detail: str) -> Finding:
    return Finding(code=code, severity="block", pointer=pointer, detail=detail)


def _pointer(group: str) -> str:
    return "/split/" + str(group)[:80].replace("~", "~0").replace("/", "~1")


def _is_percent(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value <= 100
    )


def _told(percent: float) -> str:
    return f"{percent:.2f}".rstrip("0").rstrip(".")
