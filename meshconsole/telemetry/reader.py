"""Reading windows back: one pipelined read of what may have changed, and sums that roll along."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

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
MINUTES_LIMIT = 60
INSTANCES_MINUTES_LIMIT = 15
"""A thousand instances are a thousand rows in each bucket: memory is what bounds the span."""
_FRESH_SECONDS = ((15, 1.0), (120, 10.0))
_FRESH_SETTLED_SECONDS = 60.0
"""How long a read of a bucket of some age holds: the older, the fewer late reports there are."""
_ANSWERS_KEPT = 256

T = TypeVar("T")
Key = TypeVar("Key", EdgeKey, InstanceKey)
KeyCo = TypeVar("KeyCo", EdgeKey, InstanceKey, covariant=True)


class _Page(Protocol[KeyCo]):
    @property
    def begin(self) -> float: ...
    @property
    def rows(self) -> Iterable[tuple[KeyCo, Tally]]: ...


_Decode = Callable[[Iterable[bytes]], Iterable[_Page[Key]]]


class Ten(Generic[Key]):
    """One bucket, merged over its writers; never changed once it is made."""

    __slots__ = ("at", "begin", "memo", "print", "rows")

    def __init__(self, at: int, fields: Sequence[bytes], decode: _Decode[Key]) -> None:
        self.at = at
        self.print = _print_of(fields)
        self.begin: float | None = None
        self.rows: dict[Key, Tally] = {}
        self.memo: dict[Hashable, Any] = {}
        for page in decode(fields):
            if self.begin is None:
                self.begin, self.rows = page.begin, dict(page.rows)
            else:
                self.begin = min(self.begin, page.begin)
                merge(self.rows, page.rows)


class View(Generic[Key]):
    """Complete buckets of a span with their sum, kept up by what comes and what goes."""

    __slots__ = ("answers", "rows", "span", "tens")

    def __init__(self) -> None:
        self.tens: dict[int, Ten[Key]] = {}
        self.rows: dict[Key, Tally] = {}
        self.span = Span(0.0, 0.0)
        self.answers: dict[Hashable, Any] = {}

    def move(self, wanted: Mapping[int, Ten[Key]], end: int) -> None:
        """Take in the buckets that are new or have changed, let go of the others."""
        gone = [ten for at, ten in self.tens.items() if wanted.get(at) is not ten]
        come = [ten for at, ten in wanted.items() if self.tens.get(at) is not ten]
        if not gone and not come:
            return
        for ten in gone:
            remove(self.rows, ten.rows.items())
        for ten in come:
            merge(self.rows, ten.rows.items())
        self.tens = dict(wanted)
        begins = [ten.begin for ten in wanted.values() if ten.begin is not None]
        self.span = Span(min(begins, default=float(end)), float(end))
        self.answers.clear()


class Reader(Generic[Key]):
    """Buckets of one kind, read again the more rarely the older they are."""

    def __init__(
        self, key: Callable[[int], str], decode: _Decode[Key], minutes_limit: int = MINUTES_LIMIT
    ) -> None:
        self._key = key
        self._decode: _Decode[Key] = decode
        self._minutes_limit = minutes_limit
        self._lock = threading.Lock()
        self._tens: dict[int, tuple[float, Ten[Key]]] = {}
        self._views: dict[int, View[Key]] = {}

    def ask(
        self, question: Hashable, *, minutes: int, now: float, answer: Callable[[View[Key]], T]
    ) -> T:
        """What `answer` makes of the last `minutes`; kept under `question` until traffic changes.

        Only one thread reads or works it out at a time, the others wait and take what it found.
        Raises Degraded when Redis does not answer.
        """
        minutes = max(1, min(minutes, self._minutes_limit))
        end = bucket_of(now - GRACE_SECONDS)
        wanted = range(end - 60 * minutes, end, BUCKET_SECONDS)
        with self._lock:
            self._refresh([at for at in wanted if self._is_stale(at, now)], now)
            view = self._views.setdefault(minutes, View())
            view.move({at: self._tens[at][1] for at in wanted}, end)
            if question not in view.answers:
                if len(view.answers) >= _ANSWERS_KEPT:
                    view.answers.clear()
                view.answers[question] = answer(view)
            found: T = view.answers[question]
            return found

    def tens(self, *, begin: float, end: float, now: float) -> list[Ten[Key]]:
        """Buckets that lie in [begin, end), of the last `minutes_limit`, oldest first.

        One that still runs is among them when it ends after `now`: what it holds so far is true.
        Raises Degraded when Redis does not answer.
        """
        first = max(-int(-begin // BUCKET_SECONDS) * BUCKET_SECONDS, self._oldest(now))
        wanted = [
            at
            for at in range(first, bucket_of(now) + 1, BUCKET_SECONDS)
            if at + BUCKET_SECONDS <= end or (end >= now > at)
        ]
        with self._lock:
            self._refresh([at for at in wanted if self._is_stale(at, now)], now)
            return [self._tens[at][1] for at in wanted]

    def _oldest(self, now: float) -> int:
        return bucket_of(now) - 60 * self._minutes_limit

    def forget(self) -> None:
        """Drop what is kept, as after another Redis was put in place."""
        with self._lock:
            self._tens.clear()
            self._views.clear()

    def _is_stale(self, at: int, now: float) -> bool:
        known = self._tens.get(at)
        if known is None or known[0] > now:
            return True
        read_at = known[0]
        for age, fresh in _FRESH_SECONDS:
            if read_at - at < age:
                return now - read_at >= fresh
        return now - read_at >= _FRESH_SETTLED_SECONDS

    def _refresh(self, stale: list[int], now: float) -> None:
        if not stale:
            return
        with client(text=False).pipeline(transaction=False) as pipe:
            for at in stale:
                pipe.hvals(self._key(at))
            answers: list[list[bytes]] = pipe.execute()
        for at, fields in zip(stale, answers, strict=True):
            known = self._tens.get(at)
            is_same = known is not None and known[1].print == _print_of(fields)
            ten = known[1] if known and is_same else Ten(at, fields, self._decode)
            self._tens[at] = (now, ten)
        oldest = now - 60 * (self._minutes_limit + 2)
        for at in [at for at in self._tens if at < oldest]:
            del self._tens[at]


EDGES: Reader[EdgeKey] = Reader(edges_key, decode_edges)
INSTANCES: Reader[InstanceKey] = Reader(
    instances_key, decode_instances, minutes_limit=INSTANCES_MINUTES_LIMIT
)


def merge(into: dict[Key, Tally], rows: Iterable[tuple[Key, Tally]]) -> None:
    """Add rows to those of the same key; `into` owns its tallies afterwards."""
    for key, tally in rows:
        known = into.get(key)
        if known is None:
            known = into[key] = Tally()
        known.add(tally)


def remove(into: dict[Key, Tally], rows: Iterable[tuple[Key, Tally]]) -> None:
    """Take rows away that were added before; what is left with nothing goes."""
    for key, tally in rows:
        known = into.get(key)
        if known is None:
            continue
        known.subtract(tally)
        if known.is_empty:
            del into[key]


def _print_of(fields: Iterable[bytes]) -> int:
    return hash(tuple(sorted(fields)))
