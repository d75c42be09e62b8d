"""What comes of some bytes: of a caller's at the origin, and of an origin's at the caller."""

from __future__ import annotations

import re

import h11
import msgspec

from proxy.http1.upstream import Upstream
from tests.fuzz.wires import Queue, Wire, caller, relay, running
from tests.integration.proxy.corpus.judges import Read, agreed, read

TRACE = re.compile(rb"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n")
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ").findall
BROKEN = "broken"


class Forwarded(msgspec.Struct, frozen=True):
    """What an origin and a caller saw of the caller's bytes."""

    seen: list[Read]
    """Whole requests, in order."""
    statuses: list[bytes]
    ended: bool


class Broken(AssertionError):
    """A law does not hold."""


class Origin:
    """Answers each whole request with its target."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.raw: list[bytearray] = []
        self.seen: list[Read] = []

    def dialled(self, protocol: Upstream) -> None:
        rest = b""
        raw = bytearray()
        self.raw.append(raw)

        def heard(data: bytes) -> None:
            nonlocal rest
            raw.extend(data)
            asked, rest = read(rest + data)
            for one in asked:
                self.seen.append(one)
                self._queue.call_soon(wire.feed, _answer(one))

        wire = Wire(self._queue, protocol, heard)


def _answer(one: Read) -> bytes:
    body = b"" if one.method == b"HEAD" else one.target
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(one.target), body)


def forwarded(parts: list[bytes]) -> Forwarded:
    """A caller says these parts; raises Broken if the origin could be fooled."""
    with running() as queue:
        origin = Origin(queue)
        wire = caller(queue, relay(queue, origin.dialled))
        for part in parts:
            wire.feed(part)
            queue.run()
        for raw in origin.raw:
            if agreed(bytes(raw)) is None:
                raise Broken(f"readers differ: {bytes(raw)!r}")
        statuses = STATUS(bytes(wire.said))
        refusals = wire.said.count(b"x-mesh-flag: DPE")
        if len([status for status in statuses if status == b"200"]) > len(origin.seen):
            raise Broken("more answers than requests")
        if refusals > 1 or (refusals and not wire.said.count(b"connection: close")):
            raise Broken(f"not refused once and for all: {bytes(wire.said)!r}")
        return Forwarded(origin.seen, statuses, wire.over)


class Heard(msgspec.Struct, frozen=True):
    """What a caller heard of an origin's bytes."""

    statuses: list[int]
    fields: list[tuple[bytes, bytes]]
    body: bytes
    whole: bool
    again: bool
    """Did the connection to the origin stay in use?"""


def heard(parts: list[bytes], method: bytes, minor: int, ends: bool) -> Heard | str:
    """An origin answers a request with these parts, and then ends its connection or not."""
    with running() as queue:
        wires: list[Wire] = []

        def dialled(protocol: Upstream) -> None:
            wires.append(Wire(queue, protocol))

        wire = caller(queue, relay(queue, dialled))
        wire.feed(b"%b / HTTP/1.%d\r\nHost: a\r\n\r\n" % (method, minor))
        queue.run()
        (origin,) = wires
        for part in parts:
            origin.feed(part)
            queue.run()
        again = not origin.closing
        if ends:
            origin.end()
            queue.run()
        said = bytes(wire.said)
        decoded = _decoded(said, method, wire.closing and not wire.cut, again)
        if wire.cut and decoded.whole:
            raise Broken(f"nobody could tell that it was cut: {said!r}")
        refused = any(name == b"x-mesh-flag" for name, _ in decoded.fields)
        return BROKEN if wire.cut or refused else decoded


def _decoded(said: bytes, method: bytes, ended: bool, again: bool) -> Heard:
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    peer.send(h11.EndOfMessage())
    if said:
        peer.receive_data(said)
    if ended:
        peer.receive_data(b"")
    statuses, fields, body, whole = [], [], b"", False
    try:
        while True:
            event = peer.next_event()
            if isinstance(event, h11.InformationalResponse):
                statuses.append(event.status_code)
            elif isinstance(event, h11.Response):
                statuses.append(event.status_code)
                fields = [(name, value) for name, value in event.headers if name != b"connection"]
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                whole = isinstance(event, h11.EndOfMessage)
                break
    except h11.RemoteProtocolError as error:
        raise Broken(f"the caller cannot read it ({error}): {said!r}") from None
    if whole and peer.trailing_data[0]:
        raise Broken(f"something follows the answer: {said!r}")
    return Heard(statuses, fields, body, whole, again)
