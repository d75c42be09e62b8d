"""Evidence of one case by reporter: what each of them saw when, as lanes over one time axis.

Only geometry and words are made here, in a box of WIDTH by HEIGHT per lane; all lanes share their
scales, so that they can be compared. The reports themselves are the table beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.evidence.models import AnomalyReport, Scope

WIDTH, HEIGHT = 320.0, 34.0
BARS = 64
BEFORE = timedelta(seconds=30)
"""What was reported shortly before the case was opened belongs to it."""
REPORTS_LIMIT = 4000
LANES_LIMIT = 24
SAMPLES_LIMIT = 8
_COLUMNS = (
    "reporter_instance", "reporter_app", "reporter_unit", "phase", "rule", "n", "errors",
    "samples", "window_start", "window_end",
)  # fmt: skip
Row = Mapping[str, Any]
"""One report, by the names of its columns."""


@dataclass(frozen=True)
class Bar:
    """Failures that one reporter saw in one part of the time."""

    x: float
    width: float
    height: float
    count: int

    @property
    def top(self) -> float:
        """Its upper edge; it stands on the ground."""
        return HEIGHT - self.height


@dataclass(frozen=True)
class Mark:
    """A moment that all lanes share."""

    x: float
    at: datetime
    word: str


@dataclass
class Lane:
    """One reporter: what it said in all, and when."""

    reporter: str
    app: str
    unit: str
    failures: int = 0
    attempts: int = 0
    reports: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    """Failures by class."""
    rules: list[str] = field(default_factory=list)
    is_failing: bool = False
    """Does its newest word say that the instance fails?"""
    said_at: datetime | None = None
    bars: list[Bar] = field(default_factory=list)
    label: str = ""

    @property
    def ratio(self) -> float | None:
        """Failures by attempts."""
        return self.failures / self.attempts if self.attempts else None


@dataclass(frozen=True)
class Sample:
    """One failed request that a reporter kept."""

    reporter: str
    at: datetime
    error: str
    detail: str
    elapsed_seconds: float
    trace_id: str


@dataclass(frozen=True)
class Evidence:
    """Who saw what."""

    lanes: list[Lane]
    marks: list[Mark]
    samples: list[Sample]
    begins_at: datetime
    ends_at: datetime
    failures: int
    reports: int
    more: int
    """Reporters that are counted and not drawn."""
    is_cut: bool
    """Are there older reports than those that are counted here?"""


def evidence_of(
    case: HealingCase, marks: Iterable[tuple[datetime, str]], now: datetime
) -> Evidence:
    """What was reported of a case's instance while it lasted; `marks` are moments to draw."""
    begin, end = case.opened_at - BEFORE, case.closed_at or now
    rows = AnomalyReport.objects.filter(
        subject_instance=case.instance,
        scope=Scope.INSTANCE,
        window_end__gte=begin,
        window_end__lte=end,
    )
    newest = rows.order_by("-id").values(*_COLUMNS)[:REPORTS_LIMIT]
    return evidence_from(list(newest)[::-1], marks, begin, end)


def evidence_from(
    rows: Sequence[Row],
    marks: Iterable[tuple[datetime, str]],
    begin: datetime,
    end: datetime,
) -> Evidence:
    """The same of reports that are at hand, oldest first."""
    end = max(end, begin + timedelta(seconds=1))
    lanes: dict[str, Lane] = {}
    counts: dict[str, list[int]] = {}
    for row in _once(rows):
        name = str(row["reporter_instance"])
        if name not in lanes:
            lanes[name] = Lane(name, row["reporter_app"], row["reporter_unit"])
            counts[name] = [0] * BARS
        failed = _hear(lanes[name], row)
        counts[name][min(BARS - 1, int(BARS * _part(row["window_end"], begin, end)))] += failed
    top = max((max(each) for each in counts.values()), default=0)
    for name, lane in lanes.items():
        lane.bars = _bars(counts[name], top)
        lane.label = _label(lane)
    drawn = sorted(lanes.values(), key=lambda lane: (-lane.failures, lane.reporter))
    return Evidence(
        lanes=drawn[:LANES_LIMIT],
        marks=[
            Mark(round(WIDTH * _part(at, begin, end), 1), at, word)
            for at, word in marks
            if begin <= at <= end
        ],
        samples=_samples(rows),
        begins_at=begin,
        ends_at=end,
        failures=sum(lane.failures for lane in drawn),
        reports=len(rows),
        more=max(0, len(drawn) - LANES_LIMIT),
        is_cut=len(rows) >= REPORTS_LIMIT,
    )


def _once(rows: Sequence[Row]) -> list[Row]:
    """Each window of a reporter once: two rules may speak of the same failures."""
    kept: dict[tuple[str, datetime], Row] = {}
    for row in rows:
        key = (str(row["reporter_instance"]), row["window_end"])
        if key not in kept or _failed(row) > _failed(kept[key]):
            kept[key] = row
    return list(kept.values())


def _hear(lane: Lane, row: Row) -> int:
    """Count a report; returns its failures."""
    lane.reports += 1
    if row["rule"] not in lane.rules:
        lane.rules.append(row["rule"])
    is_failing = row["phase"] == "failing"
    if lane.said_at is None or row["window_end"] >= lane.said_at:
        lane.said_at, lane.is_failing = row["window_end"], is_failing
    if not is_failing:
        return 0
    for kind, count in row["errors"].items():
        lane.errors[kind] = lane.errors.get(kind, 0) + count
    failed = _failed(row)
    lane.failures += failed
    lane.attempts += row["n"]
    return failed


def _failed(row: Row) -> int:
    return sum(row["errors"].values()) if row["phase"] == "failing" else 0


def _part(at: datetime, begin: datetime, end: datetime) -> float:
    """Where a moment lies, 0 to 1."""
    return min(1.0, max(0.0, (at - begin) / (end - begin)))


def _bars(counts: Sequence[int], top: int) -> list[Bar]:
    width = WIDTH / BARS
    return [
        Bar(
            x=round(index * width, 1),
            width=round(width * 0.8, 1),
            height=round(max(2.0, (HEIGHT - 4) * count / top), 1),
            count=count,
        )
        for index, count in enumerate(counts)
        if count
    ]


def _label(lane: Lane) -> str:
    if not lane.failures:
        return f"{lane.reporter} reported no failure"
    most = max(bar.count for bar in lane.bars)
    return f"{lane.reporter}: {lane.failures} failures in {lane.attempts} attempts, {most} at most"


def _samples(rows: Sequence[Row]) -> list[Sample]:
    """The newest few that were kept."""
    found: list[Sample] = []
    known: set[tuple[str, str]] = set()
    for row in reversed(rows):
        for kept in row["samples"]:
            # Two rules may have kept the same request.
            mark = (row["reporter_instance"], str(kept.get("trace_id", "")))
            if mark[1] and mark in known:
                continue
            known.add(mark)
            if len(found) == SAMPLES_LIMIT:
                return found
            found.append(
                Sample(
                    reporter=row["reporter_instance"],
                    at=row["window_end"],
                    error=str(kept.get("error", "")),
                    detail=str(kept.get("detail", "")),
                    elapsed_seconds=float(kept.get("elapsed_seconds", 0.0)),
                    trace_id=str(kept.get("trace_id", "")),
                )
            )
    return found
