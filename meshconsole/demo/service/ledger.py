"""Every request an origin received, counted by id, so that loss and repetition are facts.

Ids of the form `<run>.<number>` are counted exactly, one byte per number, for the last few runs
and per interface; any other id is remembered in a window of bounded size.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections import OrderedDict, deque

import msgspec

MAX_RUNS = 16
MAX_NUMBER = 2_000_000
WINDOW_IDS = 50_000
MAX_REPEATED = 100
_RUN_ID = re.compile(r"([a-z][a-z0-9]{0,15})\.([0-9]{1,7})")


class Tally(msgspec.Struct, frozen=True):
    """What was received since the last reset; `distinct` and `repeated` look back a window."""

    count: int
    distinct: int
    without_id: int
    repeated: list[str]
    interfaces: dict[str, int]


class Ledger:
    """Counts received requests in bounded memory."""

    def __init__(self, window_ids: int = WINDOW_IDS) -> None:
        self._window_ids = window_ids
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._count = 0
        self._distinct = 0
        self._without_id = 0
        self._repeated: deque[str] = deque(maxlen=MAX_REPEATED)
        self._interfaces: dict[str, int] = {}
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._runs: OrderedDict[tuple[str, str], bytearray] = OrderedDict()

    def note(self, interface: str, request_id: str) -> None:
        """Count one received request of `interface`."""
        self._count += 1
        self._interfaces[interface] = self._interfaces.get(interface, 0) + 1
        if not request_id:
            self._without_id += 1
            return
        found = _RUN_ID.fullmatch(request_id)
        if found and (number := int(found[2])) < MAX_NUMBER:
            first = self._note_run(found[1], interface, number)
        else:
            first = self._note_window(hash((interface, request_id)))
        if first:
            self._distinct += 1
        else:
            self._repeated.append(request_id[:128])

    def tally(self) -> Tally:
        """The counts so far."""
        return Tally(
            count=self._count,
            distinct=self._distinct,
            without_id=self._without_id,
            repeated=list(self._repeated),
            interfaces=dict(self._interfaces),
        )

    def run(self, run: str) -> dict[str, str]:
        """Per interface, how often each number of `run` came: see `unpack_run`."""
        return {
            interface: base64.b64encode(zlib.compress(bytes(counts), 1)).decode()
            for (name, interface), counts in self._runs.items()
            if name == run
        }

    def _note_run(self, run: str, interface: str, number: int) -> bool:
        counts = self._runs.get((run, interface))
        if counts is None:
            counts = self._runs[(run, interface)] = bytearray()
            if len(self._runs) > MAX_RUNS:
                self._runs.popitem(last=False)
        if len(counts) <= number:
            counts.extend(bytes(max(number + 1, 2 * len(counts)) - len(counts)))
        before = counts[number]
        counts[number] = min(255, before + 1)
        return before == 0

    def _note_window(self, key: int) -> bool:
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > self._window_ids:
            self._seen.popitem(last=False)
        return True


def unpack_run(packed: str) -> bytes:
    """One byte per number: how often it was received."""
    return zlib.decompress(base64.b64decode(packed))
