"""A few of the failed requests behind a report: enough to find them, nothing of what they held."""

from __future__ import annotations

from proxy.contract.reports import AnomalySample
from proxy.failures import Failure

SAMPLES_LIMIT = 3
_DETAIL_LIMIT = 200


class Evidence:
    """What was said of one endpoint since its last report."""

    __slots__ = ("interfaces", "samples")

    def __init__(self) -> None:
        self.samples: list[AnomalySample] = []
        self.interfaces: list[str] = []

    def add(self, failure: Failure) -> None:
        """The first few are told of one by one."""
        if len(self.samples) < SAMPLES_LIMIT:
            self.samples.append(
                AnomalySample(
                    error=failure.error,
                    detail=failure.detail[:_DETAIL_LIMIT],
                    elapsed_seconds=round(failure.elapsed, 6),
                    trace_id=failure.trace_id,
                )
            )
        interface, known = failure.interface, self.interfaces
        if interface and interface not in known and len(known) < SAMPLES_LIMIT:
            known.append(interface)
