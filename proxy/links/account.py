"""One row of the ledger: the connections of an edge, protocol and generation, and their requests.

What is counted when something begins and what is counted when it ends are numbers of their own; how
much is under way is neither, but asked of the connections themselves. So `imbalance` is a check and
not arithmetic: a request that is counted twice, or not at all, shows.
"""

from __future__ import annotations

from typing import Literal, Protocol

from proxy.contract.reports import LinkCounts
from proxy.windows import Side

End = Literal["completed", "failed", "cancelled", "cut"]
"""How a request, stream or session ends: whole; by its other end; by who had asked; by this
sidecar, while it was under way."""
Closing = Literal["clean", "by_peer", "hard"]
"""Who ends a connection: this side in peace; the peer; this side at once."""
Key = tuple[Side, str, str, str, str, str, bool]
"""side, app, unit, instance, protocol, generation, encrypted."""
PLAIN = "plain"
"""The generation of every connection that is not encrypted."""
COUNTERS = (
    "opened", "handshakes_failed", "started", "completed", "failed", "cancelled", "cut",
    "closed_clean", "closed_by_peer", "closed_hard",
)  # fmt: skip
"""They only grow."""


class Busy(Protocol):
    """A connection, as far as its account asks."""

    @property
    def under_way(self) -> int:
        """Requests, streams or sessions that have begun on it and are not over."""


class Account:
    """Counters of one row. Whoever serves a request adds to them itself: a call would cost more."""

    __slots__ = (
        "cancelled", "closed_by_peer", "closed_clean", "closed_hard", "completed", "connections",
        "cut", "elsewhere", "failed", "handshakes_failed", "key", "opened", "started",
    )  # fmt: skip

    def __init__(self, key: Key) -> None:
        self.key = key
        self.opened = 0
        self.handshakes_failed = 0
        self.started = 0
        self.completed = 0
        self.failed = 0
        self.cancelled = 0
        self.cut = 0
        self.closed_clean = 0
        self.closed_by_peer = 0
        self.closed_hard = 0
        self.connections: set[Busy] = set()
        """Those that are open."""
        self.elsewhere = 0
        """What is under way in other processes."""

    @property
    def generation(self) -> str:
        """What its connections were made with."""
        return self.key[5]

    @property
    def encrypted(self) -> bool:
        """Are its connections?"""
        return self.key[6]

    @property
    def in_flight(self) -> int:
        """What is under way on connections that are open, as they say."""
        return self.elsewhere + sum(one.under_way for one in self.connections)

    @property
    def imbalance(self) -> int:
        """What was started less all that became of it; anything but 0 is a mistake in counting."""
        over = self.completed + self.failed + self.cancelled + self.cut
        return self.started - over - self.in_flight

    def joined(self, connection: Busy) -> None:
        """A connection is open."""
        self.opened += 1
        self.connections.add(connection)

    def left(self, connection: Busy, how: Closing) -> None:
        """A connection is no more; saying it again changes nothing."""
        if connection in self.connections:
            self.connections.remove(connection)
            if how == "clean":
                self.closed_clean += 1
            elif how == "hard":
                self.closed_hard += 1
            else:
                self.closed_by_peer += 1

    def ended(self, end: End, count: int = 1) -> None:
        """So many came to this end."""
        if end == "completed":
            self.completed += count
        elif end == "cancelled":
            self.cancelled += count
        elif end == "cut":
            self.cut += count
        else:
            self.failed += count

    def add(self, counts: LinkCounts) -> None:
        """Add a row of another process, or another row of this one."""
        for name in COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(counts, name))
        self.elsewhere += counts.in_flight

    def counts(self) -> LinkCounts:
        """The row as it is told."""
        side, app, unit, instance, protocol, generation, encrypted = self.key
        return LinkCounts(
            side=side,
            app=app,
            unit=unit,
            instance=instance,
            protocol=protocol,
            generation=generation,
            encrypted=encrypted,
            opened=self.opened,
            handshakes_failed=self.handshakes_failed,
            started=self.started,
            completed=self.completed,
            failed=self.failed,
            cancelled=self.cancelled,
            cut=self.cut,
            in_flight=self.in_flight,
            closed_clean=self.closed_clean,
            closed_by_peer=self.closed_by_peer,
            closed_hard=self.closed_hard,
        )


def key_of(counts: LinkCounts) -> Key:
    """What a row is about."""
    return (
        counts.side,
        counts.app,
        counts.unit,
        counts.instance,
        counts.protocol,
        counts.generation,
        counts.encrypted,
    )
