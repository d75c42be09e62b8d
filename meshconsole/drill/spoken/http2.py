"""HTTP/2: several streams at a time, each a counted request; GOAWAY is taken at its word."""

from __future__ import annotations

import asyncio

from hpack import Decoder, Encoder

from meshconsole.drill.callers import Callers, Conversation, Line, body_of, number_in
from meshconsole.drill.spoken import frames
from meshconsole.drill.spoken.frames import Frame, frame
from meshconsole.drill.spoken.http1 import WAIT_MS
from meshconsole.drill.spoken.serving import House, Served

LONG_BYTES = 16_000
"""One frame at most."""
FIRST_WINDOW = 65_535
NO_STREAM = 2**31 - 1

Fields = dict[bytes, bytes]


class Caller(Conversation):
    """Eight streams of one connection; half of the requests have a body."""

    places = 8
    more: tuple[tuple[bytes, bytes], ...] = ()
    """Fields of every request besides."""

    def __init__(self, callers: Callers, line: Line, idler: bool) -> None:
        super().__init__(callers, line, idler)
        self._buffer = bytearray()
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._next = 1
        self._window = FIRST_WINDOW
        self._status: dict[int, bytes] = {}
        self._content: dict[int, bytes] = {}
        self._scheme = b"https" if line.tls else b"http"

    def greet(self) -> None:
        self.say(frames.PREFACE, frames.opening())

    def may_ask(self) -> bool:
        return super().may_ask() and self._window >= LONG_BYTES

    def ask(self, number: int) -> None:
        stream, self._next = self._next, self._next + 2
        self.flying[stream] = number
        body = b"" if number % 2 else body_of(number, LONG_BYTES)
        fields = [
            (b":method", b"POST" if body else b"GET"),
            (b":scheme", self._scheme),
            (b":authority", self.callers.host),
            (b":path", b"/orders" if body else b"/orders/%d" % number),
            (b"user-agent", b"drill"),
            (b"x-number", b"%d" % number),
            *self.more,
        ]
        head = self._encoder.encode(fields)
        if body:
            self._window -= len(body)
            self.say(frame(frames.HEADERS, frames.END_HEADERS, stream, head))
            self.say(frame(frames.DATA, frames.END_STREAM, stream, body))
        else:
            flags = frames.END_HEADERS | frames.END_STREAM
            self.say(frame(frames.HEADERS, flags, stream, head))

    def heard(self, data: bytes) -> None:
        self._buffer += data
        for one in frames.cut(self._buffer):
            if one.kind in (frames.HEADERS, frames.DATA):
                self._answering(one)
            else:
                self._told(one)

    def _answering(self, one: Frame) -> None:
        stream = one.stream
        if one.kind == frames.HEADERS:
            self._status[stream] = fields_of(self._decoder, one).get(b":status", b"")
        else:
            self._content[stream] = self._content.get(stream, b"") + one.content
        if one.flags & frames.END_STREAM:
            status, content = self._status.pop(stream, b""), self._content.pop(stream, b"")
            if self.leaving and self.callers.ledger.has_more:
                self.note("answered after GOAWAY")
            if status == b"200":
                self.answer(stream, number_in(content))
            else:
                said = content[:80].decode("latin-1")
                self.failed(stream, f"status {status.decode()}: {said}")

    def _told(self, one: Frame) -> None:
        if receipt := frames.receipt(one):
            self.say(receipt)
        elif one.kind == frames.WINDOW_UPDATE and not one.stream:
            self._window += frames.number_at(one.content)
        elif one.kind == frames.GOAWAY:
            self._goes(frames.number_at(one.content), frames.number_at(one.content, 4))
        elif one.kind == frames.RST_STREAM:
            code = frames.number_at(one.content)
            if code == frames.REFUSED_STREAM:
                self.untouched(one.stream)
            elif one.stream in self.flying:
                self.failed(one.stream, f"reset, code {code}")

    def _goes(self, last: int, code: int) -> None:
        if last != NO_STREAM or code:
            for stream in [stream for stream in self.flying if stream > last]:
                self.untouched(stream)
        if not self.leaving:
            self.note("GOAWAY" if not code else f"GOAWAY, code {code}")
        self.leaving = True


class SlowCaller(Caller):
    """Every answer takes three seconds."""

    more = ((b"x-wait-ms", b"%d" % WAIT_MS),)


class Server(Served):
    """Answers each stream when all of it is there, and it has thought for as long as was asked."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._buffer = bytearray()
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._numbers: dict[int, int] = {}
        self._bodies: dict[int, bytes] = {}
        self._waits: dict[int, float] = {}
        self._greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(frames.opening())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._greeted:
            if len(self._buffer) < len(frames.PREFACE):
                return
            self._greeted = True
            del self._buffer[: len(frames.PREFACE)]
        said = b"".join([self._answer(one) for one in frames.cut(self._buffer)])
        if said:
            self.transport.write(said)

    def _answer(self, one: Frame) -> bytes:
        stream = one.stream
        if one.kind == frames.HEADERS:
            fields = fields_of(self._decoder, one)
            self._numbers[stream] = int(fields.get(b"x-number", b"-1"))
            if wait := int(fields.get(b"x-wait-ms", b"0")):
                self._waits[stream] = wait / 1000
        elif one.kind == frames.DATA:
            self._bodies[stream] = self._bodies.get(stream, b"") + one.content
        else:
            return frames.receipt(one)
        return self._whole(stream) if one.flags & frames.END_STREAM else b""

    def _whole(self, stream: int) -> bytes:
        number, body = self._numbers.pop(stream), self._bodies.pop(stream, b"")
        self.arrived(number, number_in(body) if body else number)
        wait = self._waits.pop(stream, 0.0)
        if wait:
            asyncio.get_running_loop().call_later(wait, self._say, stream, number, len(body))
            return b""
        return self._answered(stream, number, len(body))

    def _say(self, stream: int, number: int, length: int) -> None:
        if not self.transport.is_closing():
            self.transport.write(self._answered(stream, number, length))

    def _answered(self, stream: int, number: int, length: int) -> bytes:
        said = b"%d %d" % (number, length)
        fields = [
            (b":status", b"200"),
            (b"content-type", b"text/plain"),
            (b"content-length", b"%d" % len(said)),
        ]
        head = self._encoder.encode(fields)
        return frame(frames.HEADERS, frames.END_HEADERS, stream, head) + frame(
            frames.DATA, frames.END_STREAM, stream, said
        )


def fields_of(decoder: Decoder, one: Frame) -> Fields:
    """The fields of a header block that is one frame."""
    return dict(decoder.decode(one.content, raw=True))
