"""What rooms above know of places in the graph that traffic alone does not show.

Telemetry draws the graph and knows nothing of healing; whoever does says so here, once, when the
console's addresses are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from meshconsole.telemetry.topology import GraphNode

LEVELS = ("app", "unit", "group")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One instance in trouble, by where it belongs."""

    app: str
    unit: str
    group: str
    is_ejected: bool = False
    has_case: bool = False


Read = Callable[[datetime], Iterable[Note]]
_READS: list[Read] = []


def notes_from(read: Read) -> None:
    """Ask `read` too, whenever a graph is drawn."""
    if read not in _READS:
        _READS.append(read)


def notes_now(now: datetime) -> list[Note]:
    """Everything that is known now."""
    return [note for read in _READS for note in read(now)]


def words_of(node: GraphNode, notes: Iterable[Note]) -> str:
    """What is wrong at a node, in words: `1 ejected, 2 cases`; empty when nothing is."""
    wanted = {level: getattr(node, level) for level in LEVELS if getattr(node, level)}
    if not wanted:
        return ""
    mine = [
        note
        for note in notes
        if all(getattr(note, level) == value for level, value in wanted.items())
    ]
    ejected = sum(note.is_ejected for note in mine)
    cases = sum(note.has_case for note in mine)
    words = [f"{ejected} ejected"] if ejected else []
    if cases:
        words.append(f"{cases} case{'s' if cases > 1 else ''}")
    return ", ".join(words)
