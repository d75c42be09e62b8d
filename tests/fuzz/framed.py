"""The laws of HTTP/2 and SOFABolt for any bytes, of their frames and of whole conversations."""

from __future__ import annotations

from collections import Counter

import hpack
import msgspec
from h2.events import DataReceived, Event, RequestReceived, StreamReset, TrailersReceived

from proxy.bolt import wire as bolt_wire
from proxy.bolt.codec import CODEC
from proxy.errors import BadMessage
from proxy.http1.upstream import Upstream
from proxy.http2.compression import Decoder
from proxy.http2.downstream import Downstream as Http2
from proxy.http2.frames import GOAWAY, HEADERS, RST_STREAM, Cutter, Fault
from proxy.http2.wire import Wire as Http2Wire
from proxy.rpc.downstream import Downstream as Framed
from proxy.rpc.frames import ANSWER, ONE_WAY, PING, REQUEST, Frame
from proxy.sniff import PREFACE
from tests.fuzz.conversations import Broken, Origin
from tests.fuzz.cuts import cut
from tests.fuzz.wires import Queue, Wire, relay, running
from tests.integration.proxy.corpus.judges import Read, agreed
from tests.integration.proxy.http2_raw import frame

SETTINGS = frame(4)


# header blocks


def hpack_blocks(data: bytes) -> None:
    """Blocks, one after another on one connection, mean what the library says that they mean, on a
    connection of their own and on one that has read them before."""
    _, _, parts = cut(data)
    plain, ours = hpack.Decoder(), Decoder()
    for part in [part for part in parts for _ in range(2)]:
        expected, found = _block(plain, part), _block(ours, part)
        if found != expected:
            raise Broken(f"{part!r} after {parts!r} is {found} and not {expected}")
        if expected is None:
            return  # the connection would end
        if list(ours.header_table.dynamic_entries) != list(plain.header_table.dynamic_entries):
            raise Broken(f"{part!r} of {parts!r} leaves another table")


def _block(decoder: hpack.Decoder, block: bytes) -> list[tuple[bytes, bytes]] | None:
    try:
        return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]
    except (Fault, hpack.HPACKError, IndexError):
        return None


# frames


def http2(data: bytes) -> None:
    """Either side hears the same events, and the same fault, however the bytes are cut."""
    choice, rest, parts = cut(data)
    server = bool(choice & 128)
    before = b"" if choice & 64 else (PREFACE + SETTINGS if server else SETTINGS)
    whole = _events(server, [before + rest])
    for cuts in ([before, *parts], [before, *(rest[n : n + 1] for n in range(len(rest)))]):
        if (heard := _events(server, cuts)) != whole:
            raise Broken(f"cut into {cuts!r} it becomes {heard} and not {whole}")


def _events(server: bool, parts: list[bytes]) -> list[tuple[object, ...]]:
    wire, told = Http2Wire(server), []
    if not server:
        stream = wire.open_stream()
        wire.head(stream, [(b":method", b"GET")], True)
    try:
        for part in parts:
            for event in wire.receive(part, 1.0):
                told.append(_told(event))
                if isinstance(event, RequestReceived):
                    wire.expect(event.stream_id or 0, 5)
    except Fault as fault:
        told.append(("fault", fault.code, str(fault)))
    told.append(("said", wire.output()))
    return told


def _told(event: Event) -> tuple[object, ...]:
    stream = getattr(event, "stream_id", None)
    if isinstance(event, DataReceived):
        return ("content", stream, event.data, event.stream_ended is None)
    if isinstance(event, StreamReset):
        return ("reset", stream, event.error_code)
    if isinstance(event, RequestReceived | TrailersReceived):
        return (type(event).__name__, stream, tuple(event.headers or ()))
    return (type(event).__name__, stream)


def bolt(data: bytes) -> None:
    """Frames and the fault after them are the same however the bytes are cut, and each frame's head
    is read or refused."""
    _, rest, parts = cut(data)
    whole = _frames([rest])
    for cuts in (parts, [rest[n : n + 1] for n in range(len(rest))]):
        if (read := _frames(cuts)) != whole:
            raise Broken(f"cut into {cuts!r} it becomes {read} and not {whole}")
    if b"".join(one.raw for one in whole[0]) != rest[: sum(len(one.raw) for one in whole[0])]:
        raise Broken(f"{rest!r} is not what its frames are")
    for one in whole[0]:
        _judge(one)


def _judge(one: Frame) -> None:
    if CODEC.with_id(CODEC.with_id(one.raw, 5), one.id) != one.raw:
        raise Broken(f"{one.raw!r} is changed by a number")
    if one.kind == ANSWER:
        CODEC.response(one)
        return
    if one.kind not in (REQUEST, ONE_WAY):
        return
    for trusted in (True, False):
        try:
            request = CODEC.request(one, trusted)
        except BadMessage:
            continue
        (again,), fault, _ = _frames([request.frame])
        if fault or (trusted and request.frame != one.raw) or again.id != one.id:
            raise Broken(f"{one.raw!r} is passed on as {request.frame!r}")
        if not trusted and CODEC.request(again, False).frame != request.frame:
            raise Broken(f"{one.raw!r} is not clean when it was cleaned")


def _frames(parts: list[bytes]) -> tuple[list[Frame], str, bool]:
    reader, frames = bolt_wire.Reader(), []
    for part in parts:
        reader.feed(part)
        try:
            while (one := reader.next()) is not None:
                frames.append(one)
        except BadMessage as error:
            return frames, f"{error.status} {error}", False
    return frames, "", reader.partial


# conversations


class Session(msgspec.Struct, frozen=True):
    """What came of a caller's bytes."""

    seen: Counter[Read]
    """Whole requests at the origin, in any order."""
    statuses: dict[int, list[bytes]]
    """Of each stream."""
    is_calm: bool
    """Did the connection and each of its streams end as they should, as far as they ended?"""


def http2_sessions(data: bytes) -> None:
    """Nothing that a caller says by HTTP/2 fools an origin of HTTP/1.1, or gets two answers; and as
    long as nobody takes anything back, cuts do not matter."""
    _, rest, parts = cut(data)
    whole, split = _session([rest]), _session(parts)
    if whole.is_calm and split.is_calm and (whole != split) and not _takes_back(rest):
        raise Broken(f"cut into {parts!r} it becomes {split} and not {whole}")


def _session(parts: list[bytes]) -> Session:
    with running() as queue:
        origin = Origin(queue)
        connection = Http2(relay(queue, origin.dialled, protocol="http1"))
        wire = Wire(queue, connection)
        for part in [PREFACE + SETTINGS, *parts]:
            wire.feed(part)
            queue.run()
        for raw in origin.raw:
            if agreed(bytes(raw)) is None:
                raise Broken(f"readers differ: {bytes(raw)!r}")
        statuses, is_calm = _answers(bytes(wire.said))
        is_calm = is_calm and not connection.ending
        wire.close()
        queue.run()
        if connection.streams or connection.unsent:
            raise Broken("a stream outlives its connection")
        return Session(Counter(origin.seen), statuses, is_calm)


def _answers(said: bytes) -> tuple[dict[int, list[bytes]], bool]:
    """The statuses of each stream's heads, as a client reads them."""
    statuses: dict[int, list[bytes]] = {}
    decoder, is_calm = hpack.Decoder(), True
    try:
        for one in Cutter(server=False).feed(said):
            is_calm = is_calm and one.kind not in (RST_STREAM, GOAWAY)
            if one.kind == HEADERS:
                fields = dict(decoder.decode(one.raw[9:], raw=True))
                if status := fields.get(b":status"):
                    statuses.setdefault(one.stream_id, []).append(bytes(status))
    except (Fault, hpack.HPACKError) as error:
        raise Broken(f"the caller cannot read it ({error}): {said!r}") from None
    for stream, found in statuses.items():
        if len([status for status in found if status[:1] != b"1"]) > 1:
            raise Broken(f"stream {stream} is answered more than once: {found}")
    return statuses, is_calm and all(b"400" not in found for found in statuses.values())


def _takes_back(data: bytes) -> bool:
    try:
        kinds = {one.kind for one in Cutter(server=True).feed(PREFACE + SETTINGS + data)}
    except Fault:
        return True
    return bool(kinds & {RST_STREAM, GOAWAY})


class _Server:
    """A server of SOFABolt that answers each request with its content."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.seen: list[bytes] = []

    def dialled(self, protocol: Upstream) -> None:
        reader = bolt_wire.Reader()

        def heard(data: bytes) -> None:
            reader.feed(data)
            while (one := reader.next()) is not None:
                self.seen.append(CODEC.with_id(one.raw, 0))
                if one.kind == REQUEST:
                    said = bolt_wire.answers(bolt_wire.RESULT, one.id, content=one.raw[22:])
                    self._queue.call_soon(wire.feed, said)

        wire = Wire(self._queue, protocol, heard)


def bolt_sessions(data: bytes) -> None:
    """A server sees the same frames, and a caller hears the same, however the bytes are cut."""
    _, rest, parts = cut(data)
    frames = _frames([rest])[0]
    ids = [one.id for one in frames if one.kind in (REQUEST, ONE_WAY)]
    whole, split = _said([rest]), _said(parts)
    if len(set(ids)) == len(ids) and whole != split:
        raise Broken(f"cut into {parts!r} it becomes {split} and not {whole}")


def _said(parts: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    with running() as queue:
        server = _Server(queue)
        connection = Framed(relay(queue, server.dialled, speaks="bolt"), CODEC)
        wire = Wire(queue, connection)
        for part in parts:
            wire.feed(part)
            queue.run()
        frames, fault, partial = _frames([bytes(wire.said)])
        if fault or partial:
            raise Broken(f"the caller cannot read it ({fault}): {bytes(wire.said)!r}")
        asked = Counter(
            one.id for one in _frames([b"".join(parts)])[0] if one.kind in (REQUEST, PING)
        )
        answered = Counter(one.id for one in frames)
        if extra := {one: n for one, n in (answered - asked).items() if one}:
            raise Broken(f"nobody asked for {extra}")
        wire.close()
        queue.run()
        return server.seen, sorted(one.raw for one in frames)
