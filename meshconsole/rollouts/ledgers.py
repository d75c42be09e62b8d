"""Ledgers of the links that a wave touches: what they counted since a reading, from given words.

Totals of one life of a sidecar only grow, so the difference of two readings is what came between.
A life that began in between counts from nothing.

A wave's own sidecars are believed. What callers say went wrong is believed of two, and of one when
the sidecars it called counted as much: else a single sidecar could take any change back. What one
says alone is told as its word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import msgspec

from meshconsole.rollouts.facts import Handshakes
from meshconsole.telemetry.links import Told
from proxy.contract.reports import LinkCounts

OPENED, FAILED, STARTED, CUT, ARRIVED, PLAIN = range(6)
SOURCES_NAMED = 3
Counts = dict[str, list[int]]
"""By life, by caller's life, or by that and an endpoint towards which something went wrong: the six
numbers above."""
_LIFE, _EDGE = "at ", "to "


class Came(msgspec.Struct, frozen=True):
    """What a span has seen at a wave's instances."""

    started: int
    """Requests, in and out."""
    cut: int
    """By either end, as far as it is believed."""
    arrived: int
    """Requests of callers."""
    plain: int
    """Those of them in plaintext."""
    alone_cut: int = 0
    """Requests that one caller says it cut, which nobody else says."""
    alone: str = ""
    """That caller."""


def counts_of(told: Iterable[Told], cohort: Collection[str]) -> Counts:
    """The ledgers at these instances, and those of their callers towards them.

    They are kept in a wave's row and read at every look, and a mesh has as many edges as instances
    have callers: an edge stands for itself only when something was cut or failed on it.
    """
    names = set(cohort)
    counts: Counts = {}
    for one in told:
        if one.instance in names:
            rows = (*one.edges, *((one.forgotten,) if one.forgotten is not None else ()))
            for edge in rows:
                _add(counts, f"{_LIFE}{one.name}", edge)
            own = counts.setdefault(f"{_LIFE}{one.name}", [0] * 6)
            own[PLAIN] = one.state.plain_requests
        for edge in one.edges:
            if edge.side == "out" and edge.instance in names:
                counts.setdefault(f"{_EDGE}{one.name} ", [0] * 6)[OPENED] += edge.opened
                if edge.handshakes_failed or edge.cut:
                    numbers = counts.setdefault(f"{_EDGE}{one.name} {edge.instance}", [0] * 6)
                    numbers[FAILED] += edge.handshakes_failed
                    numbers[CUT] += edge.cut
    return counts


def came_since(now: Counts, before: Mapping[str, list[int]]) -> Came:
    """What the ledgers counted since a reading."""
    started = cut = arrived = plain = 0
    told: Counter[str] = Counter()
    own = _own(now)
    for name, numbers in _moved(now, before):
        if name.startswith(_LIFE):
            cut += numbers[CUT]
            started += numbers[STARTED]
            arrived += numbers[ARRIVED]
            plain += numbers[PLAIN]
        elif numbers[CUT] and _caller(name) not in own:
            told[_caller(name)] += numbers[CUT]
    if len(told) == 1:
        ((alone, count),) = told.items()
        return Came(started, cut, arrived, plain, count, alone)
    return Came(started, cut + told.total(), arrived, plain)


def handshakes_since(now: Counts, before: Mapping[str, list[int]]) -> Handshakes:
    """Connections and failed handshakes since a reading, and the edge that failed most."""
    opened = failed = worst_failed = seen = 0
    worst = ""
    told = set()
    for name, numbers in _moved(now, before):
        if name.startswith(_LIFE):
            seen += numbers[FAILED]
            continue
        opened += numbers[OPENED]
        failed += numbers[FAILED]
        if numbers[FAILED]:
            told.add(_caller(name))
        if numbers[FAILED] > worst_failed:
            caller, _, callee = name.removeprefix(_EDGE).partition(" ")
            worst_failed, worst = numbers[FAILED], f"{caller} -> {callee.rpartition(' ')[2]}"
    is_alone = len(told) == 1 and not told & _own(now) and seen < failed
    return Handshakes(
        opened=opened,
        failed=failed,
        worst=worst,
        worst_failed=worst_failed,
        alone=told.pop() if is_alone else "",
    )


def refused_by(told: Iterable[Told], cohort: Collection[str]) -> dict[str, int]:
    """Connections in plaintext that these instances have refused, by life."""
    return {one.name: one.state.plain_refused for one in told if one.instance in cohort}


def refused_since(
    told: Iterable[Told], cohort: Collection[str], before: Mapping[str, int]
) -> tuple[int, tuple[str, ...]]:
    """How many they refused since a reading, and where the latest came from."""
    count = 0
    sources: dict[str, None] = {}
    for one in told:
        more = one.state.plain_refused - before.get(one.name, 0)
        if one.instance in cohort and more > 0:
            count += more
            sources.update(dict.fromkeys(reversed(one.state.plain_sources[-SOURCES_NAMED:])))
    return count, tuple(sources)[:SOURCES_NAMED]


def _own(counts: Counts) -> set[str]:
    """The wave's instances that have spoken."""
    return {_caller(name) for name in counts if name.startswith(_LIFE)}


def _caller(name: str) -> str:
    """The instance whose word a row is; its lives are one reporter."""
    return name.split(" ")[1]


def _moved(now: Counts, before: Mapping[str, list[int]]) -> Iterable[tuple[str, list[int]]]:
    for name, numbers in now.items():
        old = before.get(name, [0] * 6)
        # An edge whose generation was forgotten counts less than before, which is nothing new.
        yield name, [max(0, new - less) for new, less in zip(numbers, old, strict=True)]


def _add(counts: Counts, name: str, edge: LinkCounts) -> None:
    numbers = counts.setdefault(name, [0] * 6)
    numbers[OPENED] += edge.opened
    if edge.side == "in":
        numbers[FAILED] += edge.handshakes_failed
    numbers[STARTED] += edge.started
    numbers[CUT] += edge.cut
    if edge.side == "in":
        numbers[ARRIVED] += edge.started
