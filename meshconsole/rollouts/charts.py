"""Gates as small pictures: the value round by round, what is allowed, and the control group.

Only geometry is made here, in a box of WIDTH by HEIGHT whose y grows downwards; colours and words
are the page's. Every picture has its numbers in a table beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from meshconsole.rollouts.shapes import GatePoint, GateShown

WIDTH, HEIGHT = 320, 84
_LEFT, _RIGHT, _TOP, _BOTTOM = 5, 315, 6, 78
MARKS_LIMIT = 40
"""Above so many rounds only those that do not pass are marked, and the last one."""
TABLE_ROWS = 60
Scale = Callable[[float], float]


@dataclass(frozen=True)
class Mark:
    """One round: where, and with which verdict; its shape says it too."""

    x: float
    y: float
    verdict: str


@dataclass(frozen=True)
class Row:
    """One round in the table twin, in words."""

    at: datetime
    value: str
    control: str
    bound: str
    verdict: str


@dataclass(frozen=True)
class Chart:
    """What the template draws of one gate, and what it says of it."""

    gate: GateShown
    title: str
    value: str
    control: str
    bound: str
    line: str
    """Path of the value; empty with less than two known ones."""
    control_line: str
    bound_line: str
    bound_y: float | None
    marks: list[Mark]
    rows: list[Row]
    """Newest first."""


TITLES = {
    "error_rate": "Error rate",
    "p99": "p99 latency",
    "p50": "Median latency",
    "cut": "Requests cut",
    "handshakes": "Failed handshakes",
    "plaintext": "Requests in plaintext",
    "acks": "Sidecars without it",
    "ejections": "Instances found failing",
    "memory": "Memory per connection",
    "cpu": "CPU per request",
}
_DIFFERENCES = {"error_rate", "p99", "p50", "memory", "cpu"}
"""Their values are changes, so they have a sign."""


def chart_of(gate: GateShown) -> Chart:
    """The picture of one gate."""
    xs = _spread(gate.series)
    bottom, top = _bounds(gate.series)

    def y_of(number: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * (number - bottom) / (top - bottom), 1)

    placed = list(zip(xs, gate.series, strict=True))
    last_bound = gate.series[-1].bound if gate.series else None
    return Chart(
        gate=gate,
        title=title_of(gate.metric),
        value=told(gate.metric, gate.measure, gate.value),
        control=told(gate.metric, gate.measure, gate.control),
        bound=told(gate.metric, gate.measure, gate.bound, sign=False),
        line=_path((x, _y(point.value, y_of)) for x, point in placed),
        control_line=_path((x, _y(point.control, y_of)) for x, point in placed),
        bound_line=_path((x, _y(point.bound, y_of)) for x, point in placed),
        bound_y=_y(last_bound, y_of),
        marks=_marks(placed, y_of),
        rows=[_row(gate, point) for point in reversed(gate.series[-TABLE_ROWS:])],
    )


def title_of(metric: str) -> str:
    """A metric as people say it."""
    return TITLES.get(metric, metric.replace("_", " ").capitalize())


def told(metric: str, measure: str, number: float | None, *, sign: bool = True) -> str:
    """A number of a gate with its unit; an en dash for what is not known."""
    if number is None:
        return "–"
    plus = "+" if sign and metric in _DIFFERENCES else ""
    if measure == "seconds":
        milliseconds = number * 1000
        digits = 0 if abs(milliseconds) >= 100 else 1
        return f"{milliseconds:{plus}.{digits}f} ms"
    if measure == "ratio":
        unit = " points" if metric == "error_rate" else "%"
        return f"{100 * number:{plus}.2f}{unit}"
    return f"{number:.0f}" if float(number).is_integer() else f"{number:.1f}"


def _row(gate: GateShown, point: GatePoint) -> Row:
    return Row(
        at=point.at,
        value=told(gate.metric, gate.measure, point.value),
        control=told(gate.metric, gate.measure, point.control),
        bound=told(gate.metric, gate.measure, point.bound, sign=False),
        verdict=point.verdict,
    )


def _spread(series: Sequence[GatePoint]) -> list[float]:
    """Places by time; a single round stands in the middle."""
    if not series:
        return []
    begin, end = series[0].at.timestamp(), series[-1].at.timestamp()
    if end <= begin:
        return [(_LEFT + _RIGHT) / 2] * len(series)
    scale = (_RIGHT - _LEFT) / (end - begin)
    return [round(_LEFT + scale * (point.at.timestamp() - begin), 1) for point in series]


def _bounds(series: Sequence[GatePoint]) -> tuple[float, float]:
    """Lowest and highest number of the picture: zero is in it, and a little air above."""
    numbers = [
        number
        for point in series
        for number in (point.value, point.control, point.bound)
        if number is not None
    ]
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    if high <= low:
        high = low + 1.0
    air = 0.12 * (high - low)
    return low - (air if low < 0 else 0.0), high + air


def _y(number: float | None, y_of: Scale) -> float | None:
    return None if number is None else y_of(number)


def _path(points: Iterable[tuple[float, float | None]]) -> str:
    """A line with a gap where nothing is known."""
    words: list[str] = []
    is_down = False
    for x, y in points:
        if y is None:
            is_down = False
            continue
        words.append(f"{'L' if is_down else 'M'}{x:.1f} {y:.1f}")
        is_down = True
    return "".join(words) if len(words) > 1 else ""


def _marks(placed: Sequence[tuple[float, GatePoint]], y_of: Scale) -> list[Mark]:
    few = len(placed) <= MARKS_LIMIT
    last = placed[-1][0] if placed else None
    return [
        Mark(x=x, y=y_of(point.value or 0.0), verdict=point.verdict)
        for x, point in placed
        if few or x == last or point.verdict == "fail"
    ]
