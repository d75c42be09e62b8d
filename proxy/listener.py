"""What the requests of one listener share: how they are routed, pooled and observed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from time import monotonic
from typing import TYPE_CHECKING

from proxy.access_log import AccessLog
from proxy.current import Choice, Member
from proxy.errors import Refusal
from proxy.failures import Failures
from proxy.flags import Flag
from proxy.limiting.admission import Admission
from proxy.links.account import Account, Closing
from proxy.links.ledger import Ledger
from proxy.pools import Pools
from proxy.settings import Limits, Spoken
from proxy.windows import Counts, Side, Windows

if TYPE_CHECKING:
    from proxy.facing import CallerConnection, Routing
    from proxy.inbound.gate import Gate
    from proxy.interception.routing import Interception
    from proxy.relay import Exchange
    from proxy.tcp.routing import Tunnels


class Listener:
    """One door: inbound, outbound, or the one of a stand-alone proxy."""

    __slots__ = (
        "_arriving", "_emptied", "_source_of", "_sources", "accepted", "access_log", "admission",
        "callers", "cutting", "draining", "elsewhere", "failures", "gate", "interception",
        "leaving", "ledger", "limits", "members", "name", "pools", "refusals", "retries_refused",
        "routing", "side", "source_limit", "speaks", "tunnels", "turned_away", "unknown", "windows",
    )  # fmt: skip

    def __init__(
        self,
        *,
        name: str,
        side: Side,
        routing: Routing,
        members: Callable[[], Collection[Member]],
        pools: Pools,
        windows: Windows,
        failures: Failures,
        access_log: AccessLog | None,
        limits: Limits,
        speaks: Spoken = "auto",
        tunnels: Tunnels | None = None,
        interception: Interception | None = None,
        gate: Gate | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.name = name
        self.speaks = speaks
        """What callers speak here; `auto` is told from their first bytes."""
        self.side = side
        self.routing = routing
        self.tunnels = tunnels
        """Where TCP sessions go; None refuses what is neither HTTP nor framed RPC."""
        self.interception = interception
        """Callers dialled something else and were led here; None where they dial this."""
        self.members = members
        """The members in force, whose pools this listener's requests use."""
        self.pools = pools
        self.windows = windows
        self.failures = failures
        self.access_log = access_log
        self.limits = limits
        self.admission = Admission(limits.requests)
        self.draining = False
        """Every answer ends its connection."""
        self.cutting = False
        """What is still under way is ended now, by this process."""
        self.ledger = ledger
        """Where callers of the mesh are counted; None where its own application calls."""
        self._emptied = asyncio.Event()
        self.gate = gate
        """Who is let in, and how, where a mesh says that; None takes whoever comes."""
        if gate is not None:
            gate.listeners.append(self)
        self.callers: set[CallerConnection] = set()
        self.unknown: set[CallerConnection] = set()
        """Those of them of whom nobody knows yet whether they encrypt."""
        self.leaving: set[CallerConnection] = set()
        """Those of them that are to end when nothing is in flight on them."""
        self.elsewhere = (0, 0)
        """Callers' connections, plaintext and encrypted, that workers of this process hold."""
        self.source_limit = limits.source_connections if side == "in" else 0
        """Connections of one address, at most; 0 is as many as it likes."""
        self._sources: dict[str, int] = {}
        """Connections by address."""
        self._source_of: dict[CallerConnection, str] = {}
        self._arriving = ""
        """The address of the connection that joins next."""
        self.accepted = 0
        self.turned_away = 0
        """Connections closed at once because there were too many."""
        self.retries_refused = 0
        """Requests that were not sent again because the budget was spent."""
        self.refusals: dict[Flag, int] = {}
        """Answers made here, by response flag."""

    @property
    def open_callers(self) -> tuple[int, int]:
        """Callers' connections, plaintext and encrypted, here and in workers."""
        encrypted = sum(caller.encrypted for caller in self.callers)
        plain, more = self.elsewhere
        known = len(self.callers) - len(self.unknown)
        return plain + known - encrypted, more + encrypted

    denies = False
    """Is nothing served? Never here; of one connection it may be so."""

    def is_unknown(self, caller: CallerConnection) -> bool:
        """Did it not yet say what it speaks?"""
        return caller in self.unknown

    def over(self, bare: Listener) -> Listener:
        """This listener as an intercepted connection sees it: as it is."""
        return bare

    def has_room_for(self, source: str) -> bool:
        """May a connection from this address join? It is the next that does."""
        if not self.source_limit or not source:
            return True
        self._arriving = source
        return self._sources.get(source, 0) < self.source_limit

    def joined(self, caller: CallerConnection) -> bool:
        """A connection was accepted; False when there are too many."""
        if len(self.callers) >= self.limits.connections:
            self.turned_away += 1
            return False
        self.accepted += 1
        self.callers.add(caller)
        if self._arriving:
            source, self._arriving = self._arriving, ""
            self._source_of[caller] = source
            self._sources[source] = self._sources.get(source, 0) + 1
        return True

    def left(self, caller: CallerConnection, error: Exception | None = None) -> None:
        """A caller's connection is no more."""
        self.callers.discard(caller)
        self.leaving.discard(caller)
        account = caller.account
        if account is not None:
            closing: Closing = "clean" if error is None else "by_peer"
            account.left(caller, "hard" if self.cutting else closing)
        if self._source_of:
            self._uncount(caller)
        if not self.callers:
            self._emptied.set()

    def source_of(self, caller: CallerConnection) -> str:
        """The address a connection came from, where that is counted."""
        return self._source_of.get(caller, "")

    def stepped_aside(self, caller: CallerConnection) -> None:
        """Another object goes on with the same connection, and joins."""
        self.callers.discard(caller)
        self.leaving.discard(caller)
        self.accepted -= 1
        if self._source_of:
            self._arriving = self._uncount(caller)

    def _uncount(self, caller: CallerConnection) -> str:
        source = self._source_of.pop(caller, "")
        if source:
            left = self._sources[source] - 1
            if left:
                self._sources[source] = left
            else:
                del self._sources[source]
        return source

    async def when_empty(self) -> None:
        """Wait until the last caller has left; ask when no new one can come."""
        if self.callers:
            self._emptied.clear()
            await self._emptied.wait()

    def account_of(self, caller: CallerConnection, protocol: str) -> Account | None:
        """Where a caller's connection is counted from now on."""
        if self.ledger is None:
            return None
        who = caller.peer.who if caller.peer is not None else None
        app, unit = (who.app, who.unit) if who is not None else ("", "")
        account = self.ledger.caller(app, unit, protocol, caller.encrypted)
        account.joined(caller)
        return account

    @property
    def lost(self) -> Flag:
        """Why a caller's connection is no more, unless it says so itself."""
        return "LR" if self.cutting else "DC"

    def refused(self, flag: Flag) -> None:
        """Count an answer made here."""
        self.refusals[flag] = self.refusals.get(flag, 0) + 1

    def retry_refused(self) -> None:
        """The budget did not allow that a request is sent again."""
        self.retries_refused += 1

    def refused_unread(self, refusal: Refusal) -> None:
        """Bytes that are no request were answered."""
        self.refused(refusal.flag)
        if self.access_log is not None:
            self.access_log.add_unread(refusal)

    def sweep(self, now: float) -> None:
        """End what has waited too long: callers, requests, idle connections."""
        if self.gate is not None:
            self.gate.sweep(now)
        for caller in list(self.callers):
            caller.sweep(now, self.draining or caller in self.leaving)
        self.routing.adjust(now)
        self.pools.sweep(now)

    def observe(self, exchange: Exchange) -> None:
        """A request is over."""
        seconds = monotonic() - exchange.began
        choice = exchange.choice
        if choice is not None:
            interface = exchange.interface
            member = exchange.member
            is_in = self.side == "in"
            encrypted = exchange.caller.encrypted if is_in else exchange.encrypted
            counts = member.counts.get((interface, encrypted)) if member is not None else None
            if counts is None:
                counts = self._counts(choice, member, interface, encrypted)
            counts.observe(
                exchange.status, exchange.error, seconds, exchange.bytes_in, exchange.bytes_out
            )
            if not is_in and member is not None and 200 <= exchange.status < 500:
                member.stats.took(seconds)
        if self.ledger is not None and (account := exchange.caller.account) is not None:
            if exchange.ended == "completed":
                account.completed += 1
            else:
                account.ended(exchange.ended)
        if self.access_log is not None:
            self.access_log.add(exchange, seconds)

    def counts_of(
        self, choice: Choice, member: Member | None, interface: str, encrypted: bool
    ) -> Counts:
        """What is counted on one edge and interface."""
        counts = member.counts.get((interface, encrypted)) if member is not None else None
        return counts or self._counts(choice, member, interface, encrypted)

    def _counts(
        self, choice: Choice, member: Member | None, interface: str, encrypted: bool
    ) -> Counts:
        app = choice.target.service.name
        if member is None:
            return self.windows.counts(self.side, app, "", choice.group, interface, encrypted)
        endpoint = member.endpoint
        counts = self.windows.counts(
            self.side, app, endpoint.unit, endpoint.group, interface, encrypted
        )
        member.counts[interface, encrypted] = counts
        return counts
