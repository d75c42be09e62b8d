"""A sidecar's way out: what its identity and the trust in force make of what endpoints say."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from proxy.contract.snapshot import Endpoint
from proxy.encryption.dialling import Own, Trials, Wanted, wanted
from proxy.encryption.holder import Holder, NoIdentity

if TYPE_CHECKING:
    import ssl

    from proxy.links.ledger import Ledger


REMEMBERED = 4096
"""Endpoints whose failed handshakes are remembered; beyond them all begin anew."""


class Stats(Protocol):
    """Names the application of an endpoint."""

    service: str


class Dialled(Protocol):
    """An endpoint in force (`proxy.member.Member`)."""

    endpoint: Endpoint

    @property
    def stats(self) -> Stats:
        """What is seen of it."""


class Outward:
    """How every endpoint of the mesh is dialled (`proxy.dialling.Dialler`)."""

    def __init__(self, holder: Holder, ledger: Ledger) -> None:
        self._holder = holder
        self._ledger = ledger
        self._own = Own(why_not="This sidecar has no certificate yet.")
        self._trials: dict[tuple[str, str], Trials] = {}
        """Of the endpoints with which handshakes have failed since one went well."""
        self.epoch = 0
        holder.watch(lambda: self.look(monotonic()))
        self.look(monotonic())

    @property
    def ends_at(self) -> float:
        """When the own certificate ends; Unix time."""
        return self._own.ends_at

    def look(self, now: float) -> None:
        """See what can be proved now, and who has been in plaintext for long enough."""
        before, self._own = self._own, self._seen()
        over = [one for one in self._trials.values() if 0 < one.plain_until <= now]
        for trials in over:
            trials.plain_until = 0.0
        if over or self._own != before:
            self.epoch += 1

    def wanted(self, member: Dialled, now: float) -> Wanted:
        """How an endpoint is to be dialled."""
        endpoint = member.endpoint
        trials = self.trials_of(endpoint) if self._trials else None
        fell_back = trials is not None and now < trials.plain_until
        app = member.stats.service
        return wanted(endpoint.tls, endpoint.unit, app, endpoint.id, self._own, fell_back)

    def context(self, protocol: str) -> ssl.SSLContext:
        """To dial with; raises ValueError without a certificate."""
        try:
            return self._holder.client_context(protocol)
        except NoIdentity as error:
            raise ValueError(str(error)) from None

    def failed(self, member: Dialled, now: float) -> None:
        """A handshake with an endpoint failed."""
        endpoint = member.endpoint
        if len(self._trials) >= REMEMBERED:
            self._trials.clear()
        trials = self._trials.setdefault((endpoint.id, endpoint.addr), Trials())
        if trials.failed(now) and endpoint.tls == "offered":
            self._ledger.fallen_back += 1
            self.epoch += 1

    def succeeded(self, member: Dialled) -> None:
        """One went well."""
        trials = self.trials_of(member.endpoint) if self._trials else None
        if trials is not None and not trials.plain_until:
            del self._trials[member.endpoint.id, member.endpoint.addr]

    def trials_of(self, endpoint: Endpoint) -> Trials | None:
        """What became of handshakes with an endpoint of late, if any failed."""
        return self._trials.get((endpoint.id, endpoint.addr))

    def _seen(self) -> Own:
        holder, identity = self._holder, self._holder.identity
        if identity is None:
            return Own(why_not="This sidecar has no certificate yet.")
        return Own(
            why_not=holder.why_unusable(datetime.now(UTC)),
            domain=holder.domain,
            trust=holder.trust_mark,
            serial=holder.serial,
            ends_at=identity.ends_at.timestamp(),
        )
