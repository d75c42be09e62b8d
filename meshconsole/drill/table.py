"""Every drill: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshconsole.drill import weights
from meshconsole.drill.stage import Figures, Scale, Stage


class Drill(msgspec.Struct, frozen=True):
    """A scenario, what it shows, and how big it is unless told otherwise."""

    about: str
    run: Callable[[Stage, Scale], Figures]
    scale: Scale


DRILLS: dict[str, Drill] = {
    "weights": Drill(weights.ABOUT, weights.run, weights.SCALE),
}
