"""Every account of a process, and of its workers: bounded, and never losing a number.

The latest rows are told one by one. An older one becomes a part of `forgotten`, for good once none
of its connections is open, so that the sum over everything that is told only grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from proxy.contract.reports import LinkCounts
from proxy.links.account import PLAIN, Account, Key, key_of

ROWS = 256
FOLDED_LIMIT = 1024
"""Peers that forgotten rows are added up for; beyond them all are one."""
NOBODY: Key = ("out", "", "", "", "", "", False)


class Told(msgspec.Struct, frozen=True):
    """The ledger as it is told."""

    edges: tuple[LinkCounts, ...] = ()
    forgotten: LinkCounts | None = None
    fallen_back: int = 0
    """Times that an edge went back to plaintext because handshakes failed."""

    @property
    def imbalance(self) -> int:
        """Of everything; 0 unless something is counted wrongly."""
        return sum(map(imbalance_of, self.edges)) + (
            imbalance_of(self.forgotten) if self.forgotten is not None else 0
        )


class Ledger:
    """Holds one account per row. Asked for the same row again it gives the same account."""

    def __init__(self, rows: int = ROWS) -> None:
        self._rows = rows
        self._accounts: dict[Key, Account] = {}
        """The oldest first."""
        self._folded: dict[Key, Account] = {}
        """What is forgotten, by peer: endpoints and generations come and go, peers stay."""
        self.fallen_back = 0
        self._elsewhere: dict[int, Told] = {}
        """What each worker told last."""

    def endpoint(
        self, app: str, unit: str, instance: str, protocol: str, generation: str, encrypted: bool
    ) -> Account:
        """The account of connections to one endpoint."""
        return self.account(("out", app, unit, instance, protocol, generation, encrypted))

    def caller(self, app: str, unit: str, protocol: str, encrypted: bool) -> Account:
        """The account of connections of callers; those that show no certificate have no name."""
        generation = "" if encrypted else PLAIN
        return self.account(("in", app, unit, "", protocol, generation, encrypted))

    def account(self, key: Key) -> Account:
        """The account of a row, made when there is none."""
        found = self._accounts.get(key)
        if found is None:
            found = self._accounts[key] = Account(key)
            if len(self._accounts) > self._rows:
                self._fold(found)
        return found

    def take(self, worker: int, told: Told) -> None:
        """What a worker has counted since it began."""
        self._elsewhere[worker] = told

    def lost(self, worker: int) -> None:
        """A worker is no more: what it counted stays counted, what it had under way was cut."""
        told = self._elsewhere.pop(worker, Told())
        self.fallen_back += told.fallen_back
        for row in told.edges:
            self._bury(self.account(key_of(row)), row)
        if told.forgotten is not None:
            self._bury(self._fold_of(NOBODY), told.forgotten)

    def told(self) -> Told:
        """The latest rows, and the sum of all others."""
        rows = self._summed()
        latest = rows[-self._rows :]
        older = [account.counts() for account in rows[: -self._rows]]
        older += [one.forgotten for one in self._elsewhere.values() if one.forgotten is not None]
        return Told(
            tuple(account.counts() for account in latest),
            self._sum_with(older),
            self.fallen_back + sum(told.fallen_back for told in self._elsewhere.values()),
        )

    def sums(self) -> Iterator[LinkCounts]:
        """Everything that is counted, also what is forgotten; sums of it by peer never fall."""
        for account in (*self._accounts.values(), *self._folded.values()):
            yield account.counts()
        for told in self._elsewhere.values():
            yield from told.edges
            if told.forgotten is not None:
                yield told.forgotten

    def _summed(self) -> Sequence[Account]:
        if not self._elsewhere:
            return list(self._accounts.values())
        sums: dict[Key, Account] = {}
        own = (account.counts() for account in self._accounts.values())
        workers = (row for told in self._elsewhere.values() for row in told.edges)
        for rows in (own, workers):
            for row in rows:
                key = key_of(row)
                sums.setdefault(key, Account(key)).add(row)
        return list(sums.values())

    def _sum_with(self, older: Iterable[LinkCounts]) -> LinkCounts | None:
        total = Account(NOBODY)
        for row in (*older, *(account.counts() for account in self._folded.values())):
            total.add(row)
        return total.counts() if total.opened or total.handshakes_failed else None

    def _bury(self, account: Account, row: LinkCounts) -> None:
        account.add(row)
        account.elsewhere -= row.in_flight
        account.cut += row.in_flight
        closed = row.closed_clean + row.closed_by_peer + row.closed_hard
        account.closed_hard += max(0, row.opened - closed)

    def _fold(self, new: Account) -> None:
        """Too many rows: the oldest without an open connection becomes a part of the sum."""
        for key, account in self._accounts.items():
            if account is not new and not account.connections:
                side, app, unit, _, protocol, _, encrypted = key
                peer: Key = (side, app, unit, "", protocol, "", encrypted)
                self._fold_of(peer).add(account.counts())
                del self._accounts[key]
                return

    def _fold_of(self, peer: Key) -> Account:
        if peer not in self._folded and len(self._folded) >= FOLDED_LIMIT:
            peer = NOBODY
        return self._folded.setdefault(peer, Account(peer))


def imbalance_of(row: LinkCounts) -> int:
    """What a row has started less all that became of it."""
    over = row.completed + row.failed + row.cancelled + row.cut
    return row.started - over - row.in_flight
