"""Reports that wait for their receipt: in order, bounded, the rarest last to go."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from proxy.contract.reports import AnomalyReport, EdgeWindow
from proxy.contract.session import Report

LIMIT = 1000
_WINDOWS_PER_REPORT = 256
_EVENTS_PER_REPORT = 32


class Outbox:
    """At least once: a report stays until a receipt covers its number.

    When the queue is full, windows go first, oldest first, and then events, oldest first; both are
    counted. `seq` counts from 1 in every process; with the node's boot id it names a report.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting: list[Report] = []
        self._seq = 0
        self._with_windows = 0
        self.dropped_windows = 0
        self.dropped_events = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self,
        start: float,
        end: float,
        windows: Sequence[EdgeWindow] = (),
        events: Sequence[AnomalyReport] = (),
    ) -> None:
        """Queue what was seen from `start` to `end` (epoch s) as one report, or several if long."""
        events_from = windows_from = 0
        while events_from < len(events) or windows_from < len(windows):
            self._put(
                start,
                end,
                list(windows[windows_from : windows_from + _WINDOWS_PER_REPORT]),
                list(events[events_from : events_from + _EVENTS_PER_REPORT]),
            )
            events_from += _EVENTS_PER_REPORT
            windows_from += _WINDOWS_PER_REPORT

    def after(self, seq: int) -> Report | None:
        """The oldest waiting report whose number is greater than `seq`."""
        at = bisect_right(self._waiting, seq, key=_seq)
        return self._waiting[at] if at < len(self._waiting) else None

    def receipt(self, seq: int) -> None:
        """The console keeps everything up to and including `seq`: forget it."""
        upto = bisect_right(self._waiting, seq, key=_seq)
        self._with_windows -= sum(1 for report in self._waiting[:upto] if report.up)
        del self._waiting[:upto]

    def events(self) -> list[AnomalyReport]:
        """Every event without a receipt, oldest first."""
        return [event for report in self._waiting for event in report.events]

    def _put(
        self, start: float, end: float, windows: list[EdgeWindow], events: list[AnomalyReport]
    ) -> None:
        self._seq += 1
        self._waiting.append(
            Report(seq=self._seq, window_start=start, window_end=end, up=windows, events=events)
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
