"""Reports that wait for their receipt: in order, bounded, the rarest last to go."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeVar

from proxy.contract.reports import AnomalyReport, EdgeWindow, Ejection
from proxy.contract.session import Report
from proxy.merging import Merger

K = TypeVar("K", bound=str)
LIMIT = 1000
MERGE_SECONDS = 10.0
"""While nobody listens, windows that begin in the same so many seconds become one report. The
console adds up traffic per ten seconds, so it loses nothing by it, and an hour's silence is 360
reports to catch up with instead of 3,600."""
_WINDOWS_PER_REPORT = 256
_EVENTS_PER_REPORT = 32


class Outbox:
    """At least once: a report stays until a receipt covers its number.

    When the queue is full, windows go first, oldest first, and then events, oldest first; both are
    counted. `seq` counts from 1 in every process; with the node's boot id it names a report, so
    nothing is ever added to a report that was sent.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting: list[Report] = []
        self._seq = 0
        self._sent = 0
        self._with_windows = 0
        self._foreign: set[int] = set()
        """Numbers of reports whose events another process may have sent."""
        self.dropped_windows = 0
        self.dropped_events = 0
        self.merged_events = 0
        """Those that became part of another while nobody listened; nothing of them is lost."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self,
        start: float,
        end: float,
        windows: Sequence[EdgeWindow] = (),
        events: Sequence[AnomalyReport] = (),
        ejections: tuple[Ejection, ...] | None = None,
        *,
        is_own: bool = False,
    ) -> None:
        """Queue what was seen from `start` to `end` (epoch s): as a report, as several when it is
        long, or as part of one that waits unsent. Of what is ejected only the newest word waits.

        Events that are this process's own add to those of their kind that wait unsent.
        """
        first = self._seq + 1
        if events and is_own:
            events = self._not_joined(events)
        if ejections is not None:
            self._supersede()
        elif not events and self._merged(start, end, windows):
            return
        events_from = windows_from = 0
        while events_from < len(events) or windows_from < len(windows) or ejections is not None:
            self._put(
                start,
                end,
                list(windows[windows_from : windows_from + _WINDOWS_PER_REPORT]),
                list(events[events_from : events_from + _EVENTS_PER_REPORT]),
                ejections,
            )
            ejections = None
            events_from += _EVENTS_PER_REPORT
            windows_from += _WINDOWS_PER_REPORT
        if events and not is_own:
            self._foreign.update(range(first, self._seq + 1))

    def has_after(self, seq: int) -> bool:
        """Does a report with a greater number wait?"""
        return bool(self._waiting) and self._waiting[-1].seq > seq

    def after(self, seq: int) -> Report | None:
        """The oldest waiting report whose number is greater than `seq`, to be sent now."""
        at = bisect_right(self._waiting, seq, key=_seq)
        if at == len(self._waiting):
            return None
        report = self._waiting[at]
        self._sent = max(self._sent, report.seq)
        return report

    def receipt(self, seq: int) -> None:
        """The console keeps everything up to and including `seq`: forget it."""
        upto = bisect_right(self._waiting, min(seq, self._sent), key=_seq)
        self._with_windows -= sum(1 for report in self._waiting[:upto] if report.up)
        del self._waiting[:upto]
        if self._foreign:
            self._foreign &= {report.seq for report in self._waiting}

    def events(self) -> list[AnomalyReport]:
        """Every event without a receipt, oldest first."""
        return [event for report in self._waiting for event in report.events]

    @property
    def unanswered(self) -> bool:
        """Was a report sent that has no receipt yet?"""
        return bool(self._waiting) and self._waiting[0].seq <= self._sent

    def unsaid(self) -> tuple[Report, ...]:
        """What another process may still say: reports that were not sent, whole, and of those that
        were sent without a receipt the events, which name themselves; their windows would be
        counted twice."""
        said = [
            Report(
                seq=report.seq,
                window_start=report.window_start,
                window_end=report.window_end,
                up=report.up if report.seq > self._sent else [],
                events=report.events,
            )
            for report in self._waiting
        ]
        return tuple(report for report in said if report.up or report.events)

    def _merged(self, start: float, end: float, windows: Sequence[EdgeWindow]) -> bool:
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.seq <= self._sent or not last.up or last.ejections is not None:
            return False
        if last.window_start // MERGE_SECONDS != start // MERGE_SECONDS:
            return False
        merged = {_edge(window): window for window in last.up}
        for window in windows:
            edge = _edge(window)
            merged[edge] = _sum(merged[edge], window) if edge in merged else window
        if len(merged) > _WINDOWS_PER_REPORT:
            return False
        last.up = list(merged.values())
        last.window_end = max(last.window_end, end)
        return True

    def _not_joined(self, events: Sequence[AnomalyReport]) -> list[AnomalyReport]:
        """Add events to those that wait unsent; returns the others."""
        unsent = bisect_right(self._waiting, self._sent, key=_seq)
        if unsent == len(self._waiting):
            return list(events)
        own = [one for one in self._waiting[unsent:] if one.seq not in self._foreign]
        merger = Merger(own)
        rest = merger.add(events)
        self.merged_events += merger.merged
        self._forget_empty(unsent)
        return rest

    def _supersede(self) -> None:
        """Forget what waiting reports say of ejections; what was sent cannot be changed."""
        unsent = bisect_right(self._waiting, self._sent, key=_seq)
        for report in self._waiting[unsent:]:
            report.ejections = None
        self._forget_empty(unsent)

    def _forget_empty(self, unsent: int) -> None:
        self._waiting[unsent:] = [
            one
            for one in self._waiting[unsent:]
            if one.up or one.events or one.ejections is not None
        ]

    def _put(
        self,
        start: float,
        end: float,
        windows: list[EdgeWindow],
        events: list[AnomalyReport],
        ejections: tuple[Ejection, ...] | None = None,
    ) -> None:
        self._seq += 1
        self._waiting.append(
            Report(
                seq=self._seq,
                window_start=start,
                window_end=end,
                up=windows,
                events=events,
                ejections=ejections,
            )
        )
        self._with_windows += bool(windows)
        while len(self._waiting) > self._limit:
            self._drop_one()

    def _drop_one(self) -> None:
        """Give up one report's windows; give up a whole report when no other way is left."""
        at = self._oldest_with_windows() if self._with_windows else 0
        report = self._waiting[at]
        self.dropped_windows += len(report.up)
        self._with_windows -= bool(report.up)
        if report.events and report.up:
            report.up = []
            return
        self.dropped_events += len(report.events)
        del self._waiting[at]

    def _oldest_with_windows(self) -> int:
        return next(at for at, report in enumerate(self._waiting) if report.up)


def _seq(report: Report) -> int:
    return report.seq


def _edge(window: EdgeWindow) -> tuple[object, ...]:
    return (
        window.side,
        window.app,
        window.unit,
        window.group,
        window.interface,
        window.encrypted,
    )


def _sum(one: EdgeWindow, other: EdgeWindow) -> EdgeWindow:
    return EdgeWindow(
        side=one.side,
        app=one.app,
        unit=one.unit,
        group=one.group,
        interface=one.interface,
        encrypted=one.encrypted,
        requests=one.requests + other.requests,
        errors=_added(one.errors, other.errors),
        status=_added(one.status, other.status),
        latency=_latency(one.latency, other.latency),
        latency_sum_seconds=one.latency_sum_seconds + other.latency_sum_seconds,
        bytes_in=one.bytes_in + other.bytes_in,
        bytes_out=one.bytes_out + other.bytes_out,
    )


def _added(one: dict[K, int], other: dict[K, int]) -> dict[K, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in one | other}


def _latency(one: list[int], other: list[int]) -> list[int]:
    if not (one and other):
        return one or other
    return [mine + more for mine, more in zip(one, other, strict=True)]
