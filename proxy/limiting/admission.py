"""May one more request come in? Counted exactly: whoever enters leaves once, however it ends.

O(1) per request and pure. A listener's own cap bounds what this process holds at once; a meter's
limit, when somebody sets one, bounds a single interface.
"""

from __future__ import annotations

from proxy.errors import overloaded, rate_limited

UNLIMITED = 1 << 62
METERS_LIMIT = 4096
"""Interfaces counted apart; those beyond share one meter called `other`."""
OTHER = ("other", "other")


class Meter:
    """Requests of one interface: how many are in flight, how many came and were turned away."""

    __slots__ = ("_admission", "admitted", "in_flight", "limit", "rejected")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.in_flight = 0
        self.admitted = 0
        self.rejected = 0
        self.limit = UNLIMITED

    @property
    def known_limit(self) -> int | None:
        """The limit, or None when nobody set one."""
        return self.limit if self.limit < UNLIMITED else None

    def leave(self) -> None:
        """A request that entered is over."""
        self.in_flight -= 1
        self._admission.in_flight -= 1


class Admission:
    """The gate of one listener."""

    __slots__ = ("_meters", "in_flight", "limit")

    def __init__(self, limit: int) -> None:
        self._meters: dict[tuple[str, str], Meter] = {}
        self.in_flight = 0
        self.limit = limit
        """Requests in flight in this listener, at most."""

    def enter(self, service: str, interface: str) -> Meter:
        """Count a request in; raises Refusal when it may not come in."""
        meter = self._meters.get((service, interface)) or self.meter(service, interface)
        if self.in_flight >= self.limit:
            meter.rejected += 1
            raise overloaded()
        if meter.in_flight >= meter.limit:
            meter.rejected += 1
            raise rate_limited(interface, meter.limit)
        meter.in_flight += 1
        meter.admitted += 1
        self.in_flight += 1
        return meter

    def meter(self, service: str, interface: str) -> Meter:
        """The meter of one interface; the object stays the same for ever."""
        key = (service, interface)
        if key not in self._meters and len(self._meters) >= METERS_LIMIT:
            key = OTHER
        return self._meters.setdefault(key, Meter(self))

    def meters(self) -> dict[tuple[str, str], Meter]:
        """Every meter, by service and interface."""
        return self._meters
