"""A failed attempt at an endpoint, and whoever hears of it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from proxy.contract.reports import ErrorClass
from proxy.contract.snapshot import Endpoint


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt failed, `elapsed` seconds after it began; its counters were moved already."""

    service: str
    endpoint: Endpoint
    error: ErrorClass
    detail: str = ""
    elapsed: float = 0.0
    interface: str = ""
    trace_id: str = ""


class Failures(Protocol):
    """Hears of each failed attempt."""

    def failed(self, failure: Failure, /) -> None:
        """One attempt failed."""


class Unheard:
    """Failures of a proxy that has nobody to tell."""

    def failed(self, _failure: Failure, /) -> None:
        """Nothing: the metrics have counted it."""
