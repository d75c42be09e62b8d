"""The rules of one listener by which connections to members are opened, shared and closed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from proxy.current import Member
from proxy.dialling import Dialler, Plainly
from proxy.errors import other_protocol
from proxy.links.ledger import Ledger
from proxy.pool import Pool
from proxy.replacing import Upstreams
from proxy.settings import Limits

if TYPE_CHECKING:
    from proxy.seam import Asking, Link

FRAMED = frozenset({"bolt"})
"""Protocols that no other can be turned into."""


class Pools:
    """The rules by which one listener's relay opens, shares and closes connections."""

    def __init__(
        self, limits: Limits, dialler: Dialler | None = None, ledger: Ledger | None = None
    ) -> None:
        self.limits = limits
        self.ledger = ledger or Ledger()
        """Where connections are counted; one of its own tells nobody."""
        self.dialler = dialler or Plainly()
        self._upstreams = Upstreams(self.dialler)
        self._called: dict[Member, None] = {}
        """Members that have a pool. Of a whole mesh one sidecar calls few, and a sweep that looked
        at all of them would hold up whoever is being served."""

    def acquire(self, member: Member, asking: Asking, protocol: str, fresh: bool) -> Link | None:
        """A place for a request of a caller that speaks `protocol`, or None: then `asking` waits in
        line and is told. `fresh` takes a new connection only. Raises Refusal when the line, or the
        endpoint, is full."""
        if member.stats.in_flight >= self.limits.pool_requests:
            raise member.full()
        theirs = member.protocol
        if theirs and theirs != protocol and (theirs in FRAMED or protocol in FRAMED):
            raise other_protocol(member.stats.service, theirs, protocol)
        protocol = "http1" if asking.request.upgrade else theirs or protocol
        pool = member.pools.get(protocol) or self.pool(member, protocol)
        return cast("Pool", pool).acquire(asking, fresh)

    def pool(self, member: Member, protocol: str) -> Pool:
        """The member's pool of a protocol, made when there is none."""
        pool = member.pools.get(protocol)
        if pool is None:
            pool = member.pools[protocol] = Pool(member, protocol, self)
            self.called(member)
        return cast("Pool", pool)

    def called(self, member: Member) -> None:
        """Sweep what it has from now on."""
        self._called[member] = None

    def forget(self, member: Member, asking: Asking) -> None:
        """The exchange no longer waits."""
        for pool in member.pools.values():
            waiting = cast("Pool", pool).waiting
            if asking in waiting:
                waiting.remove(asking)

    def sweep(self, now: float) -> None:
        """Close what has been idle too long, and replace what is of another generation."""
        self._upstreams.sweep(self._called, now)
        for member in [one for one in self._called if one.retired]:
            if not member.opened and not member.waiting:
                del self._called[member]

    def close(self, members: Iterable[Member]) -> None:
        """Close every idle connection: this process ends."""
        for member in members:
            member.retire()
