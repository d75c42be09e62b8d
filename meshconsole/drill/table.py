"""Every drill: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshconsole.drill import (
    crashpoints,
    handover,
    heal,
    rollout,
    safety,
    slow,
    soak,
    switchover,
    weights,
)
from meshconsole.drill.stage import Figures, Scale, Stage

Say = Callable[[str], None]


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario, what it shows, and how big it is unless told otherwise."""

    about: str
    scale: Scale
    run: Callable[[Say, Scale], Figures] | None = None
    """With processes of its own."""
    on_demo: Callable[[Stage, Scale], Figures] | None = None
    """With a whole demo."""
    parts: tuple[str, ...] = ()
    """What may be run alone."""


DRILLS: dict[str, Drill] = {
    "weights": Drill(about=weights.ABOUT, scale=weights.SCALE, on_demo=weights.run),
    "handover": Drill(about=handover.ABOUT, scale=handover.SCALE, run=handover.run),
    "crashpoints": Drill(
        about=crashpoints.ABOUT,
        scale=crashpoints.SCALE,
        run=crashpoints.run,
        parts=tuple(crashpoints.PARTS),
    ),
    "heal": Drill(about=heal.ABOUT, scale=heal.SCALE, run=heal.run, parts=heal.PARTS),
    "rollout": Drill(
        about=rollout.ABOUT, scale=rollout.SCALE, run=rollout.run, parts=tuple(rollout.PARTS)
    ),
    "safety": Drill(about=safety.ABOUT, scale=safety.SCALE, run=safety.run),
    "slow": Drill(about=slow.ABOUT, scale=slow.SCALE, run=slow.run),
    "switchover": Drill(
        about=switchover.ABOUT,
        scale=switchover.SCALE,
        run=switchover.run,
        parts=switchover.PARTS,
    ),
    "soak": Drill(about=soak.ABOUT, scale=soak.SCALE, run=soak.run),
}
