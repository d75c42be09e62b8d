"""Stored windows of single endpoints, judged again by the sidecars' own test with other numbers.

Only windows that were reported are stored: a candidate that is stricter is judged in full, one that
is laxer by what its reporters told for another reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from meshconsole.healing.replays.shapes import Judged
from proxy.contract.reports import Peers
from proxy.contract.snapshot import HealingTerms
from proxy.healing.judgement import Reading, is_sick, peers_of, reading_of, scope_of, wilson

_UNREACHED = ("connect", "timeout")
_MINUTE_SECONDS = 60
_RULES_IN_A_ROW = frozenset({"connect", "timeout", "consecutive"})


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What one reporter counted of one endpoint."""

    app: str
    rule: str
    seconds: float
    n: int
    errors: dict[str, int]
    peers_median: float
    """Error rate of its peers, 0 to 1."""
    was_ejected: bool


def judged_again(
    windows: Iterable[Window], terms: Mapping[str, HealingTerms]
) -> tuple[Judged, ...]:
    """By application: how many would have made their reporter eject."""
    counts: dict[str, Counter[str]] = {}
    for window in windows:
        then = would_eject(window, terms.get(window.app) or HealingTerms(name=window.app))
        counts.setdefault(window.app, Counter()).update(
            windows=1,
            was=window.was_ejected,
            then=then,
            gained=then and not window.was_ejected,
            lost=window.was_ejected and not then,
        )
    return _by_app(counts)


def would_eject(window: Window, terms: HealingTerms) -> bool:
    """Would a sidecar with these terms call it sick, by its rate or by failures in a row?

    Caps are not replayed: who else was out at that moment is not stored with a window.
    """
    if terms.mode == "off":
        return False
    total = sum(window.errors.values())
    errors = min(total, window.n)
    reading = Reading(
        seconds=round(window.seconds),
        n=window.n,
        by_class=(),
        errors=errors,
        rate=errors / window.n if window.n else 0.0,
        lcb=wilson(errors, window.n),
    )
    if is_sick(reading, window.peers_median, terms):
        return True
    in_a_row = sum(window.errors.get(name, 0) for name in _UNREACHED)
    return bool(
        terms.consecutive and window.rule in _RULES_IN_A_ROW and in_a_row >= terms.consecutive
    )


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """One minute of one application's instances."""

    app: str
    counts: dict[str, tuple[int, int]]
    """Requests and errors of each."""


def minutes_judged(
    minutes: Iterable[Minute],
    current: Mapping[str, HealingTerms],
    candidate: Mapping[str, HealingTerms],
) -> tuple[Judged, ...]:
    """By application: instances in minutes that are sick by the terms in force, and by others."""
    counts: dict[str, Counter[str]] = {}
    for minute in minutes:
        was, then = (sick_in(minute, terms[minute.app]) for terms in (current, candidate))
        counts.setdefault(minute.app, Counter()).update(
            windows=len(minute.counts),
            was=len(was),
            then=len(then),
            gained=len(then - was),
            lost=len(was - then),
        )
    return _by_app(counts)


def sick_in(minute: Minute, terms: HealingTerms) -> set[str]:
    """Who is worse than its peers; nobody when they share the fault."""
    readings = {
        name: reading_of(_MINUTE_SECONDS, (requests, min(requests, errors)))
        for name, (requests, errors) in minute.counts.items()
    }
    if terms.mode == "off" or scope_of(list(readings.values()), 0, terms) == "service":
        return set()
    return {
        name
        for name, reading in readings.items()
        if is_sick(reading, _peers(readings, name).median, terms)
    }


def _peers(readings: Mapping[str, Reading], name: str) -> Peers:
    return peers_of([reading for other, reading in readings.items() if other != name])


def _by_app(counts: Mapping[str, Counter[str]]) -> tuple[Judged, ...]:
    return tuple(
        Judged(
            app=app,
            windows=found["windows"],
            was=found["was"],
            then=found["then"],
            gained=found["gained"],
            lost=found["lost"],
        )
        for app, found in sorted(counts.items())
    )
