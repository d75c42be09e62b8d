"""An endpoint in force: its counters, its connections, and whether it can be reached."""

from __future__ import annotations

from collections.abc import Sized
from time import monotonic
from typing import Protocol

from proxy.balancing.weights import STEPS
from proxy.contract.reports import Ejection, ErrorClass
from proxy.contract.snapshot import Endpoint, Service
from proxy.errors import Unavailable, overflow
from proxy.windows import Counts

IDLE_LIMIT_SECONDS = 60.0
"""Shorter than a sidecar keeps a caller's idle connection (75 s), so a pooled one is never closed
by its server just as a request starts on it."""
REST_SECONDS = 0.05
"""How long an endpoint is not dialled after a dial that failed; twice as long after each more."""
REST_LIMIT_SECONDS = 1.0


class Replacing(Protocol):
    """How a pool dials, and replaces connections (`proxy.replacing.Replacing`)."""

    @property
    def mixed(self) -> bool:
        """May there be connections of another generation?"""

    def look(self, now: float) -> None:
        """See how to dial now."""

    def is_due(self, now: float) -> bool:
        """Is there a connection to replace, and may it be tried?"""

    def replace(self, now: float) -> None:
        """Have one leave."""


class MemberPool(Protocol):
    """The connections of one protocol to a member (`proxy.pool.Pool`)."""

    opened: int
    """Connections open or being opened."""

    @property
    def encrypted(self) -> int:
        """Those of them that are open and encrypted."""

    @property
    def ready(self) -> Sized:
        """Connections with room for a request."""

    @property
    def waiting(self) -> Sized:
        """Exchanges that wait for one."""

    @property
    def replacing(self) -> Replacing | None:
        """How it dials, and replaces connections; None where workers do."""

    def sweep(self, now: float, looks: bool) -> None:
        """Called a few times a second."""

    def close_ready(self) -> None:
        """Close what is idle now, and what has room when it is done."""


COUNTERS = (
    "answered", "attempts", "connect", "excused", "overflow", "protocol", "retries", "server_error",
    "strays", "timeout",
)  # fmt: skip
"""Of an endpoint; they only grow."""


MEDIAN_STEP = 1.03
"""Two hundred answers move a median to ten times what it was, or a third of that if all are so."""


class EndpointStats:
    """What this sidecar has seen of one endpoint since it first knew it; numbers only grow."""

    __slots__ = (
        "_over", "endpoint", "in_flight", "median_seconds", "service", "streak", *COUNTERS,
    )  # fmt: skip

    def __init__(self, service: str, endpoint: Endpoint) -> None:
        self.service = service
        self.endpoint = endpoint
        self.attempts = 0
        """Requests sent or meant to be sent there; a retry is one more."""
        self.answered = 0
        """Whole answers with a status under 500."""
        self.connect = 0
        self.timeout = 0
        self.server_error = 0
        self.protocol = 0
        self.retries = 0
        """Attempts there that were not a request's first."""
        self.overflow = 0
        """Requests that found it, or the line for it, full."""
        self.in_flight = 0
        """Attempts not yet over; the only number that also falls."""
        self.strays = 0
        """Answers that nobody waited for any more, or ever."""
        self.excused = 0
        """Failed attempts that were not its fault."""
        self.streak = 0
        """Failures to reach it in a row."""
        self._over = 0
        self.median_seconds = 0.0
        """About half of its answers take longer: moved a little by each."""

    def took(self, seconds: float) -> None:
        """An answer took so long (Ma, Muthukrishnan and Sandler: frugal streaming, 2014)."""
        median = self.median_seconds
        if seconds > median:
            self.median_seconds = median * MEDIAN_STEP if median else seconds
        else:
            self.median_seconds = median / MEDIAN_STEP

    def fail(self, error: ErrorClass, excused: bool = False) -> None:
        """Count a failed attempt."""
        if excused:
            self.excused += 1
        elif error == "connect" or error == "timeout":
            over = self.answered + self.server_error + self.protocol
            self.streak = self.streak + 1 if over == self._over else 1
            self._over = over
        if error == "connect":
            self.connect += 1
        elif error == "timeout":
            self.timeout += 1
        elif error == "5xx":
            self.server_error += 1
        else:
            self.protocol += 1

    def errors(self) -> dict[ErrorClass, int]:
        """Failed attempts by class."""
        return {
            "connect": self.connect,
            "timeout": self.timeout,
            "5xx": self.server_error,
            "protocol": self.protocol,
        }


class Member:
    """An endpoint in force: its counters and its pool, kept while its id and address stay."""

    __slots__ = (
        "connect_seconds", "counts", "ejection", "endpoint", "host", "idle_seconds", "named",
        "new_since", "pools", "port", "protocol", "rest_until", "retired", "stats", "steps",
        "unreachable", "why",
    )  # fmt: skip

    def __init__(self, service: Service, endpoint: Endpoint, new_since: float = 0.0) -> None:
        self.endpoint = endpoint
        self.steps = STEPS
        """How much of its share it has, of STEPS: less while it is ejected or returns."""
        self.ejection: Ejection | None = None
        """Why."""
        self.new_since = new_since
        """When it came to serve, on the monotonic clock; 0.0 when it was there from the first."""
        self.unreachable = 0
        """Dials that failed since one went well."""
        self.rest_until = 0.0
        """Until then it is not dialled; on the monotonic clock."""
        self.why = ""
        """What the last dial that failed said."""
        host, _, port = endpoint.addr.rpartition(":")
        self.host = host.removeprefix("[").removesuffix("]")
        self.port = int(port)
        self.stats = EndpointStats(service.name, endpoint)
        self.connect_seconds = service.connect_timeout_seconds
        self.idle_seconds = min(service.idle_timeout_seconds, IDLE_LIMIT_SECONDS)
        """How long a connection may wait for its next request."""
        self.counts: dict[tuple[str, bool], Counts] = {}
        """Windows' counts by interface and encryption: a lookup saved on each request."""
        self.named = b""
        """Address and service as the access log writes them, once it has."""
        self.pools: dict[str, MemberPool] = {}
        """By protocol."""
        self.protocol = _spoken(service)
        self.retired = False
        """No longer in force: connections in use close when their request is over."""

    def update(self, service: Service, endpoint: Endpoint) -> None:
        """The same instance with another group, weight or patience."""
        self.connect_seconds = service.connect_timeout_seconds
        self.idle_seconds = min(service.idle_timeout_seconds, IDLE_LIMIT_SECONDS)
        self.protocol = _spoken(service)
        if endpoint != self.endpoint:
            self.endpoint = self.stats.endpoint = endpoint
            self.counts = {}
            for pool in self.pools.values():
                if pool.replacing is not None:
                    pool.replacing.look(monotonic())

    def full(self) -> Unavailable:
        """It, or the line for it, is full: count that, and say so."""
        self.stats.overflow += 1
        return overflow(self.stats.service)

    def not_reached(self, now: float, why: str) -> None:
        """A dial failed: leave it alone for a while, twice as long each time. Other endpoints serve
        meanwhile, and whoever refuses connections is not asked for one by each request. Dials that
        fail together count once."""
        self.why = why
        if now < self.rest_until:
            return
        self.rest_until = now + min(
            REST_LIMIT_SECONDS, REST_SECONDS * 2 ** min(self.unreachable, 9)
        )
        self.unreachable += 1

    def reached(self) -> None:
        """A dial went well."""
        self.unreachable = 0
        self.rest_until = 0.0
        self.why = ""

    def circuit(self, now: float) -> str:
        """`closed` lets requests through, `open` has it rest, `half_open` lets one dial try."""
        if not self.unreachable:
            return "closed"
        return "open" if now < self.rest_until else "half_open"

    def retire(self) -> None:
        """Leave force: what is idle closes now, what is in use when it is done."""
        self.retired = True
        for pool in self.pools.values():
            pool.close_ready()

    @property
    def opened(self) -> int:
        """Connections open or being opened."""
        return sum(pool.opened for pool in self.pools.values())

    @property
    def encrypted(self) -> int:
        """Connections that are open and encrypted."""
        return sum(pool.encrypted for pool in self.pools.values())

    @property
    def idle(self) -> int:
        """Connections with room for a request."""
        return sum(len(pool.ready) for pool in self.pools.values())

    @property
    def waiting(self) -> int:
        """Requests that wait for a connection."""
        return sum(len(pool.waiting) for pool in self.pools.values())


def _spoken(service: Service) -> str:
    """What is spoken to the service's endpoints; empty means what the caller speaks."""
    return "" if service.protocol == "auto" else service.protocol
