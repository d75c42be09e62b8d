"""What the pages of replays show: the two ways side by side, as bars and as rows."""

from __future__ import annotations

from dataclasses import dataclass

from meshconsole.healing.replays.shapes import STEPS, Fate, Found, differs

STEP_WORDS: dict[str, tuple[str, str, str]] = {
    "acted": ("acted on", "acted on without asking", "busy"),
    "asked": ("asked", "asked about", "warn"),
    "recovered": ("recovered", "recovered by themselves", "ok"),
    "dismissed": ("dismissed", "dismissed", "idle"),
    "service_incident": ("service", "taken for a fault of the service", "bad"),
    "held": ("held", "held by a storm or a brake", "warn"),
    "escalated": ("left", "left to a person", "bad"),
    "waiting": ("undecided", "not decided on", "idle"),
}
"""Each step in a word for one case, in words for many, and how its badge looks."""
ROWS = 200
_WIDTH = 100.0


@dataclass(frozen=True)
class Bar:
    """One step: how many cases came to it, and how would have; widths in percent of the most."""

    word: str
    was: int
    then: int
    was_width: float
    then_width: float


@dataclass(frozen=True)
class Row:
    """One case as the table shows it."""

    fate: Fate
    was_word: str
    was_look: str
    then_word: str
    then_look: str
    differs: bool


def bars_of(found: Found) -> list[Bar]:
    """Every step that any case came to, in the order of STEPS."""
    most = max([1, *found.was.values(), *found.then.values()])
    return [
        Bar(
            word=STEP_WORDS[step][1],
            was=(was := found.was.get(step, 0)),
            then=(then := found.then.get(step, 0)),
            was_width=round(_WIDTH * was / most, 1),
            then_width=round(_WIDTH * then / most, 1),
        )
        for step in STEPS
        if found.was.get(step) or found.then.get(step)
    ]


def rows_of(found: Found) -> list[Row]:
    """Cases that would have gone another way first, then by the time they were opened."""
    fates = sorted(found.cases, key=lambda fate: (not differs(fate), -fate.opened_at))
    return [
        Row(
            fate=fate,
            was_word=STEP_WORDS[fate.was][0],
            was_look=STEP_WORDS[fate.was][2],
            then_word=STEP_WORDS[fate.then][0],
            then_look=STEP_WORDS[fate.then][2],
            differs=differs(fate),
        )
        for fate in fates[:ROWS]
    ]


def verdict_of(found: Found) -> str:
    """The whole of it in a sentence."""
    many, changed = len(found.cases), sum(differs(fate) for fate in found.cases)
    if not many:
        return "No case was opened in this period."
    if not changed:
        return (
            "All would have gone the same way." if many > 1 else "It would have gone the same way."
        )
    acted = found.then.get("acted", 0) - found.was.get("acted", 0)
    more = f"{abs(acted)} {'more' if acted > 0 else 'fewer'} would have been acted on unasked"
    tail = f"; {more}" if acted else ""
    return f"{changed} of {many} case{'s' * (many > 1)} would have gone another way{tail}."
