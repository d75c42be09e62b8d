"""Reading windows back: one pipelined read, merged over writers, kept for a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from meshconsole.core.redis import client
from meshconsole.telemetry.figures import Span
from meshconsole.telemetry.store import (
    BUCKET_SECONDS,
    EdgeKey,
    InstanceKey,
    bucket_of,
    decode_edges,
    decode_instances,
    edges_key,
    instances_key,
)
from meshconsole.telemetry.tally import Tally

GRACE_SECONDS = 2.5
"""A bucket is held to be complete this long after its end: a report's second, and its way here."""
_SETTLED_SECONDS = 120
_FRESH_SECONDS = 1.0
_FRESH_SETTLED_SECONDS = 60.0
_MINUTES_LIMIT = 60

Key = TypeVar("Key", EdgeKey, InstanceKey)
KeyCo = TypeVar("KeyCo", EdgeKey, InstanceKey, covariant=True)


class _Page(Protocol[KeyCo]):
    @property
    def begin(self) -> float: ...
    @property
    def rows(self) -> Iterable[tuple[KeyCo, Tally]]: ...


_Decode = Callable[[Iterable[bytes]], Iterable[_Page[Key]]]


class Ten(Generic[Key]):
    """One bucket, merged over its writers."""

    __slots__ = ("at", "begin", "read_at", "rows")

    def __init__(self, at: int, read_at: float, pages: Iterable[_Page[Key]]) -> None:
        self.at = at
        self.read_at = read_at
        self.begin: float | None = None
        self.rows: dict[Key, Tally] = {}
        for page in pages:
            self.begin = page.begin if self.begin is None else min(self.begin, page.begin)
            merge(self.rows, page.rows)


class Reader(Generic[Key]):
    """Buckets of one kind; settled ones are read again once a minute, young ones each second."""

    def __init__(self, key: Callable[[int], str], decode: _Decode[Key]) -> None:
        self._key = key
        self._decode: _Decode[Key] = decode
        self._lock = threading.Lock()
        self._tens: dict[int, Ten[Key]] = {}

    def read(self, minutes: int, now: float) -> tuple[list[Ten[Key]], Span]:
        """Complete buckets of the last `minutes` (1 to 60), oldest first, and what they cover.

        Raises Degraded when Redis does not answer.
        """
        end = bucket_of(now - GRACE_SECONDS)
        wanted = range(end - 60 * max(1, min(minutes, _MINUTES_LIMIT)), end, BUCKET_SECONDS)
        with self._lock:
            stale = [at for at in wanted if self._is_stale(at, now)]
            if stale:
                self._refresh(stale, now)
            tens = [self._tens[at] for at in wanted]
        begins = [ten.begin for ten in tens if ten.begin is not None]
        return tens, Span(min(begins, default=float(end)), float(end))

    def forget(self) -> None:
        """Drop what is kept, as after another Redis was put in place."""
        with self._lock:
            self._tens.clear()

    def _is_stale(self, at: int, now: float) -> bool:
        ten = self._tens.get(at)
        if ten is None or ten.read_at > now:
            return True
        settled = ten.read_at - at > _SETTLED_SECONDS
        return now - ten.read_at >= (_FRESH_SETTLED_SECONDS if settled else _FRESH_SECONDS)

    def _refresh(self, stale: list[int], now: float) -> None:
        with client(text=False).pipeline(transaction=False) as pipe:
            for at in stale:
                pipe.hvals(self._key(at))
            answers: list[list[bytes]] = pipe.execute()
        for at, fields in zip(stale, answers, strict=True):
            self._tens[at] = Ten(at, now, self._decode(fields))
        oldest = now - 60 * (_MINUTES_LIMIT + 2)
        for at in [at for at in self._tens if at < oldest]:
            del self._tens[at]


EDGES: Reader[EdgeKey] = Reader(edges_key, decode_edges)
INSTANCES: Reader[InstanceKey] = Reader(instances_key, decode_instances)


def merge(into: dict[Key, Tally], rows: Iterable[tuple[Key, Tally]]) -> None:
    """Add rows to those of the same key; `into` owns its tallies afterwards."""
    for key, tally in rows:
        known = into.get(key)
        if known is None:
            known = into[key] = Tally()
        known.add(tally)
