"""What every sidecar says of its links: its state, and its ledger since it started.

Redis keeps the latest word of each life (boot) of each sidecar. Totals only grow within a life, so
what a span has seen is the difference between two readings, whoever restarted in between: lives
that ended stay for six hours, longer than any span that is asked about in one piece.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import cast

import msgspec

from meshconsole.core.redis import client
from proxy.contract.identity import InstanceIdentity, InvalidIdentity, check_name
from proxy.contract.reports import LinkCounts, LinkState
from proxy.contract.session import Links

TOLD = "mesh:links"
"""HASH: instance and boot -> the latest word of that life."""
HEARD = "mesh:links:heard"
"""ZSET: the same names, by when (epoch s) they were heard last."""
KEPT_SECONDS = 6 * 3600
FRESH_SECONDS = 90.0
"""Sidecars repeat their word each half minute at least: who is silent for longer says nothing."""
EDGES_LIMIT = 256
_TEXT_LIMIT = 300
_SOURCES_LIMIT = 32


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The latest word of one life of one sidecar; the names are those its certificate proves."""

    instance: str
    app: str
    unit: str
    boot: str
    at: float
    """Epoch seconds, by the console's clock."""
    state: LinkState = LinkState()
    edges: tuple[LinkCounts, ...] = ()
    forgotten: LinkCounts | None = None

    @property
    def name(self) -> str:
        """Its field in Redis."""
        return f"{self.instance} {self.boot}"


class LinkTotals(msgspec.Struct, frozen=True):
    """A ledger added up. `started = completed + failed + cancelled + cut + in_flight`."""

    opened: int = 0
    handshakes_failed: int = 0
    started: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    cut: int = 0
    in_flight: int = 0
    closed_clean: int = 0
    closed_by_peer: int = 0
    closed_hard: int = 0

    def __add__(self, other: LinkTotals) -> LinkTotals:
        return self._with(other, operator.add)

    def __sub__(self, other: LinkTotals) -> LinkTotals:
        """What came since; what is in flight is so now, whatever it was."""
        less = self._with(other, operator.sub)
        return msgspec.structs.replace(less, in_flight=self.in_flight)

    @property
    def unaccounted(self) -> int:
        """How far the ledger is from balancing; 0 in a whole one, a few while it is being told."""
        ended = self.completed + self.failed + self.cancelled + self.cut
        return self.started - ended - self.in_flight

    def _with(self, other: LinkTotals, move: Callable[[int, int], int]) -> LinkTotals:
        return LinkTotals(*(move(getattr(self, n), getattr(other, n)) for n in _NAMES))


_NAMES = LinkTotals.__struct_fields__


class EdgeLedger(msgspec.Struct, frozen=True, kw_only=True):
    """One edge, protocol and generation over all sidecars of the caller, as they saw it."""

    source_app: str
    app: str
    protocol: str
    encrypted: bool
    generation: str
    totals: LinkTotals


Mark = dict[str, LinkTotals]
"""A reading to measure from: totals by life and by the other end of its edges."""

_told = msgspec.json.Decoder(Told)
_encoder = msgspec.json.Encoder()


def told_of(links: Links, identity: InstanceIdentity, boot: str, now: float) -> Told:
    """What to keep of a message: names that are names, bounded texts, bounded rows."""
    state = links.state
    return Told(
        instance=identity.instance,
        app=identity.app,
        unit=identity.unit,
        boot=boot[:64],
        at=now,
        state=msgspec.structs.replace(
            state,
            reason=state.reason[:_TEXT_LIMIT],
            serial=state.serial[:64],
            issuer=state.issuer[:64],
            trusts=tuple(one[:64] for one in state.trusts[:_SOURCES_LIMIT]),
            plain_sources=tuple(one[:64] for one in state.plain_sources[:_SOURCES_LIMIT]),
        ),
        edges=tuple(one for one in links.edges[:EDGES_LIMIT] if _is_decent(one)),
        forgotten=_sum_of(links.forgotten),
    )


def encode(told: Told) -> bytes:
    """As Redis keeps it."""
    return _encoder.encode(told)


def read() -> list[Told]:
    """Every life that is kept; raises Degraded. What cannot be read counts as not there."""
    fields = cast("Mapping[bytes, bytes]", client(text=False).hgetall(TOLD))
    found = []
    for raw in fields.values():
        try:
            found.append(_told.decode(raw))
        except msgspec.MsgspecError:
            continue
    return sorted(found, key=lambda told: (told.instance, told.at))


def latest(told: Iterable[Told], now: float) -> dict[str, Told]:
    """The life of each instance that was heard last, unless that is too long ago to count as its
    word; `now` in epoch seconds."""
    last = {one.instance: one for one in sorted(told, key=lambda told: told.at)}
    return {name: one for name, one in last.items() if now - one.at <= FRESH_SECONDS}


def ledger(told: Iterable[Told], *, app: str = "") -> list[EdgeLedger]:
    """What callers in the mesh say of their edges, busiest first; of edges to or from `app` only,
    if one is named."""
    sums: dict[tuple[str, str, str, bool, str], LinkTotals] = {}
    for one in told:
        for edge in one.edges:
            if edge.side != "out" or (app and app not in (one.app, edge.app)):
                continue
            key = (one.app, edge.app, edge.protocol, edge.encrypted, edge.generation)
            sums[key] = sums.get(key, LinkTotals()) + totals_of(edge)
    found = [
        EdgeLedger(
            source_app=source,
            app=callee,
            protocol=protocol,
            encrypted=encrypted,
            generation=generation,
            totals=totals,
        )
        for (source, callee, protocol, encrypted, generation), totals in sums.items()
    ]
    return sorted(found, key=lambda edge: (-edge.totals.started, edge.source_app, edge.app))


def mark(told: Iterable[Told]) -> Mark:
    """A reading to measure from."""
    return {name: totals for one in told for name, _, totals in _parts(one)}


def since(
    told: Iterable[Told], begun: Mark, *, instances: Collection[str] = (), app: str = ""
) -> LinkTotals:
    """What came since a reading, over edges to or from `app` or at one of `instances`; over all of
    them when neither is named."""
    total = LinkTotals()
    for one in told:
        whole = not (instances or app) or one.instance in instances or one.app == app
        for name, peer, totals in _parts(one):
            if whole or (app and peer == app):
                total += totals - begun.get(name, LinkTotals())
    return total


def totals_of(counts: LinkCounts) -> LinkTotals:
    """The numbers of a row alone."""
    return LinkTotals(*(getattr(counts, name) for name in _NAMES))


def _parts(told: Told) -> list[tuple[str, str, LinkTotals]]:
    """By side and other end: a name that is its own in the mesh, the other end, and the totals."""
    sums: dict[tuple[str, str], LinkTotals] = {}
    rows = (*told.edges, *((told.forgotten,) if told.forgotten is not None else ()))
    for edge in rows:
        key = (edge.side, edge.app)
        sums[key] = sums.get(key, LinkTotals()) + totals_of(edge)
    return [(f"{told.name} {side} {peer}", peer, sums[side, peer]) for side, peer in sums]


def _sum_of(forgotten: LinkCounts | None) -> LinkCounts | None:
    """The numbers of a sum of edges, which has no other end: whatever it is named is left out."""
    if forgotten is None:
        return None
    numbers = {name: getattr(forgotten, name) for name in _NAMES}
    return LinkCounts(side=forgotten.side, app="", protocol="", **numbers)


def _is_decent(counts: LinkCounts) -> bool:
    try:
        for name in (counts.app, counts.unit, counts.instance):
            if name:
                check_name(name)
    except InvalidIdentity:
        return False
    return len(counts.protocol) <= 16 and len(counts.generation) <= 64
