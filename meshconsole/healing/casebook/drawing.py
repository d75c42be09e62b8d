"""The life of a case as a picture: every state in its place, the way gone, what may follow.

Only geometry and words are made here, in a box of WIDTH by HEIGHT whose y grows downwards. The
middle column is the way of a case that is healed, top to bottom; at its left is what ends one, at
its right what interrupts one. Only the steps of the healed way, those that were gone and those that
are possible next are drawn: all sixty of the table would hide each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from meshconsole.healing.cases.states import OPEN, TRANSITIONS, CaseState

_S = CaseState
WIDTH, HEIGHT = 440, 506
BOX_WIDTH, BOX_HEIGHT = 132, 30
_COLUMNS = (68, 220, 372)
_TOP, _STEP = 24, 50
_PLACES: Mapping[CaseState, tuple[int, int]] = {
    _S.OBSERVED: (1, 0),
    _S.COOLING: (1, 1),
    _S.CONFIRMING: (1, 2),
    _S.GATED: (1, 3),
    _S.AWAITING_APPROVAL: (1, 4),
    _S.DRAINING: (1, 5),
    _S.ACTING: (1, 6),
    _S.VERIFYING: (1, 7),
    _S.RETURNING: (1, 8),
    _S.RESOLVED: (1, 9),
    _S.RECOVERED: (0, 2),
    _S.DISMISSED: (0, 4),
    _S.REMOVED: (0, 6),
    _S.HELD: (2, 1),
    _S.SERVICE_INCIDENT: (2, 3),
    _S.ESCALATED: (2, 5),
    _S.FAILED: (2, 7),
}
HEALED_WAY = tuple(state for state, (column, _) in _PLACES.items() if column == 1)
_BULGE = 26
"""How far a line that goes back up within a column keeps away from the boxes between."""


@dataclass(frozen=True)
class Node:
    """One state: where it stands, and what it was or is for this case."""

    state: str
    word: str
    x: float
    y: float
    """Of its middle."""
    is_now: bool
    is_end: bool
    times: int
    """How often the case was in it."""

    @property
    def left(self) -> float:
        """Edge of the box."""
        return self.x - BOX_WIDTH / 2

    @property
    def top(self) -> float:
        """Edge of the box."""
        return self.y - BOX_HEIGHT / 2


@dataclass(frozen=True)
class Step:
    """One line between two states, as a path with the points of its arrow."""

    path: str
    arrow: str
    look: str
    """`gone`, `next` or `usual`; drawn as a thick, a dashed or a thin line."""


@dataclass(frozen=True)
class Drawing:
    """What the template draws, the label for who cannot see it, and where it may go from here."""

    nodes: list[Node]
    steps: list[Step]
    label: str
    follows: list[str]
    """Words of the states that are possible next."""


def drawing_of(state: str, gone: Sequence[tuple[str, str]]) -> Drawing:
    """The picture of a case in `state` that has taken the steps `gone`, oldest first.

    A case begins in `observed`; a step is (state before, state after).
    """
    times = dict.fromkeys(_PLACES, 0)
    times[_S.OBSERVED] += 1
    for _, after in gone:
        if after in times:
            times[CaseState(after)] += 1
    nodes = [
        Node(
            state=one.value,
            word=one.value.replace("_", " "),
            x=_COLUMNS[column],
            y=_TOP + _STEP * row,
            is_now=one == state,
            is_end=one not in OPEN,
            times=times[one],
        )
        for one, (column, row) in _PLACES.items()
    ]
    follows = next_states(state)
    return Drawing(nodes, _steps(nodes, state, gone, follows), _label(state, gone), _words(follows))


def next_states(state: str) -> list[str]:
    """Where the table leads from a state, in the order of the states."""
    reached = {after for (before, _), after in TRANSITIONS.items() if before == state}
    return [one.value for one in CaseState if one in reached]


def _steps(
    nodes: Iterable[Node], state: str, gone: Sequence[tuple[str, str]], follows: Sequence[str]
) -> list[Step]:
    """What was gone lies on top of what may follow, and that on top of the usual way."""
    looks: dict[tuple[str, str], str] = {}
    looks.update(dict.fromkeys(pairwise(map(str, HEALED_WAY)), "usual"))
    for after in follows:
        looks[state, after] = "next"
    for pair in gone:
        looks[pair] = "gone"
    placed = {node.state: node for node in nodes}
    order = ("usual", "next", "gone")
    drawn = sorted(looks.items(), key=lambda item: order.index(item[1]))
    return [
        _line(placed[before], placed[after], look)
        for (before, after), look in drawn
        if before in placed and after in placed and before != after
    ]


def _line(before: Node, after: Node, look: str) -> Step:
    if before.x == after.x and not _is_next_below(before, after):
        return _around(before, after, look)
    begin = _edge_towards(before, after.x, after.y)
    end = _edge_towards(after, before.x, before.y)
    path = f"M{begin[0]:.1f} {begin[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"
    return Step(path, _arrow(end, math.atan2(end[1] - begin[1], end[0] - begin[0])), look)


def _is_next_below(before: Node, after: Node) -> bool:
    return after.y > before.y and after.y - before.y <= _STEP


def _around(before: Node, after: Node, look: str) -> Step:
    """A curve beside the boxes between: left going up, right going down."""
    side = -1 if after.y < before.y else 1
    x = before.x + side * BOX_WIDTH / 2
    bend = x + side * _BULGE
    path = f"M{x:.1f} {before.y:.1f}C{bend:.1f} {before.y:.1f} {bend:.1f} {after.y:.1f} "
    return Step(
        f"{path}{x:.1f} {after.y:.1f}", _arrow((x, after.y), 0.0 if side < 0 else math.pi), look
    )


def _edge_towards(node: Node, x: float, y: float) -> tuple[float, float]:
    """Where the line from a box's middle to a point leaves the box."""
    dx, dy = x - node.x, y - node.y
    scale = min(
        BOX_WIDTH / 2 / abs(dx) if dx else math.inf, BOX_HEIGHT / 2 / abs(dy) if dy else math.inf
    )
    return node.x + dx * scale, node.y + dy * scale


def _arrow(tip: tuple[float, float], angle: float) -> str:
    x, y = tip
    wings = [angle + turn for turn in (2.7, -2.7)]
    points = [tip, *((x + 8 * math.cos(wing), y + 8 * math.sin(wing)) for wing in wings)]
    return " ".join(f"{at_x:.1f},{at_y:.1f}" for at_x, at_y in points)


def _label(state: str, gone: Sequence[tuple[str, str]]) -> str:
    way = [_S.OBSERVED.value, *(after for _, after in gone)]
    return f"The case went {', '.join(_words(way))}; it is {_words([state])[0]} now"


def _words(states: Iterable[str]) -> list[str]:
    return [one.replace("_", " ") for one in states]
