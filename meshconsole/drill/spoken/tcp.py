"""TCP: sessions of counted records, each echoed under its number; a session lives a while.

No proxy can tell a session that it should end, so one that began before a handover goes on after
it, in the process that has it, until it ends by itself.
"""

from __future__ import annotations

import time
from struct import Struct

from meshconsole.drill.callers import Callers, Conversation, Line, body_of, number_in
from meshconsole.drill.spoken.serving import Served

ASKS, ANSWERS = 2, 3
"""The first byte of a record; no other protocol begins with it."""
_HEAD = Struct(">BII")
LIFE_SECONDS = (0.5, 3.0)


class Caller(Conversation):
    """Two records in flight; ends its way when the last is echoed."""

    places = 2
    _crossed = False

    def __init__(self, callers: Callers, line: Line, idler: bool) -> None:
        super().__init__(callers, line, idler)
        self._buffer = b""
        self._until = time.monotonic() + callers.random.uniform(*LIFE_SECONDS)
        self._begun = False

    def may_ask(self) -> bool:
        if self._begun and time.monotonic() > self._until:
            self.leaving = True
            return False
        return super().may_ask()

    def ask(self, number: int) -> None:
        self._begun = True
        self.flying[number] = number
        body = body_of(number)
        self.say(_HEAD.pack(ASKS, number, len(body)), body)

    def heard(self, data: bytes) -> None:
        self._buffer, records = _cut(self._buffer + data if self._buffer else data)
        for kind, number, content in records:
            if kind != ANSWERS:
                self.strayed()
                return
            if self.epoch != self.callers.epoch and not self._crossed:
                self._crossed = True
                self.note("session outlived a handover")
            self.answer(number, number_in(content))


class Server(Served):
    """Echoes the number, and how much came with it."""

    def data_received(self, data: bytes) -> None:
        self.buffer, records = _cut(self.buffer + data if self.buffer else data)
        said = []
        for _, number, content in records:
            self.arrived(number, number_in(content))
            echo = b"%d %d" % (number, len(content))
            said.append(_HEAD.pack(ANSWERS, number, len(echo)) + echo)
        if said:
            self.transport.write(b"".join(said))


def _cut(data: bytes) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    """The whole records, and what is left."""
    records, at = [], 0
    while len(data) - at >= _HEAD.size:
        kind, number, length = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + length
        if len(data) < end:
            break
        records.append((kind, number, data[at + _HEAD.size : end]))
        at = end
    return data[at:], records
