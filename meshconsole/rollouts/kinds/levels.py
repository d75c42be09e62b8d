"""How far healing may go, level by level: which levels there are and the way between two; pure.

`mode` says what the healer may do with a case, `ejection_mode` what callers may do with an endpoint
that fails. Neither leaps: each level is put in force everywhere it is meant for, and judged, before
the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from meshconsole.healing.guards.parameters import EJECTION_MODES, MODES

Part = Literal["mode", "ejection_mode"]
LEVELS: Mapping[Part, tuple[str, ...]] = {"mode": MODES, "ejection_mode": EJECTION_MODES}
"""From the least power to the most."""


def way(part: Part, now: str, to: str) -> list[tuple[str, str]]:
    """Steps from one level to another, each as the level that it begins from and its own."""
    levels = LEVELS[part]
    begin, end = levels.index(now), levels.index(to)
    passed = levels[begin : end + 1] if begin <= end else levels[end : begin + 1][::-1]
    return list(pairwise(passed))


def is_wider(part: Part, now: str, to: str) -> bool:
    """Does it let healing do more?"""
    levels = LEVELS[part]
    return levels.index(to) > levels.index(now)


def power_verb(part: Part, to: str) -> str:
    """What putting a level in force by hand would ask of a role, when it is wider."""
    return "healing_automate" if part == "mode" and to == "auto" else "healing_widen"
