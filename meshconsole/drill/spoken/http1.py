"""HTTP/1.1: one request at a time on a kept connection, the number in the head and in the body."""

from __future__ import annotations

import asyncio

from meshconsole.drill.callers import Conversation, body_of, number_in
from meshconsole.drill.spoken.serving import Served

GET = b"GET /orders/%d HTTP/1.1\r\nhost: %b\r\nuser-agent: drill\r\nx-number: %d\r\n\r\n"
POST = (
    b"POST /orders HTTP/1.1\r\nhost: %b\r\nuser-agent: drill\r\nx-number: %d\r\n"
    b"content-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"
)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"
ID = b"\r\nx-number: "
LENGTH = b"\r\ncontent-length: "
WAIT = b"\r\nx-wait-ms: "
"""How long the origin is to think."""
WAIT_MS = 3000
ONLY = 0
"""What the one request in flight is called."""


class Caller(Conversation):
    """Half of its requests have a body."""

    _buffer = b""

    def ask(self, number: int) -> None:
        host = self.callers.host
        self.flying[ONLY] = number
        if number % 2:
            self.say(GET % (number, host, number))
        else:
            body = body_of(number)
            self.say(POST % (host, number, len(body), body))

    def heard(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        self._buffer = data
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        head = data[:end].lower()
        length = number_of(head, LENGTH)
        if len(data) < end + length:
            return
        body, self._buffer = data[end : end + length], data[end + length :]
        status = head[9:12]
        if status == b"200":
            self.answer(ONLY, number_in(body))
        else:
            self.failed(ONLY, f"status {status.decode()}: {body[:80].decode('latin-1')}")
        if self._buffer:
            self.strayed()
        elif b"\r\nconnection: close\r\n" in head:
            self.note("connection: close")
            self.leaving = True


class SlowCaller(Caller):
    """Every answer takes three seconds."""

    def ask(self, number: int) -> None:
        self.flying[ONLY] = number
        asked = GET % (number, self.callers.host, number)
        self.say(asked[:-4] + WAIT + b"%d\r\n\r\n" % WAIT_MS)


class Server(Served):
    """Answers what it got under which number, when it has thought for as long as it was asked."""

    def data_received(self, data: bytes) -> None:
        self.buffer = buffer = self.buffer + data if self.buffer else data
        while buffer:
            end = buffer.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            head = buffer[:end].lower()
            length = number_of(head, LENGTH)
            if len(buffer) < end + length:
                return
            number = number_of(head, ID, -1)
            body = buffer[end : end + length]
            self.buffer = buffer = buffer[end + length :]
            self.arrived(number, number_in(body) if body else number)
            said = b"%d %d" % (number, length)
            answer = ANSWER % (len(said), said)
            if wait := number_of(head, WAIT):
                asyncio.get_running_loop().call_later(wait / 1000, self.transport.write, answer)
            else:
                self.transport.write(answer)


def number_of(head: bytes, name: bytes, otherwise: int = 0) -> int:
    """The number after a name in a head."""
    at = head.find(name)
    if at < 0:
        return otherwise
    begins = at + len(name)
    return int(head[begins : head.index(b"\r", begins)])
