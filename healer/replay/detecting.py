"""Stored windows of single endpoints, judged again by the sidecars' own test with other numbers.

Only windows that were reported are stored: a candidate that is stricter is judged in full, one that
is laxer by what its reporters told for another reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from meshconsole.healing.replay_shapes import Judged
from proxy.contract.snapshot import HealingTerms
from proxy.healing.judgement import Reading, is_sick, wilson

_UNREACHED = ("connect", "timeout")
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
