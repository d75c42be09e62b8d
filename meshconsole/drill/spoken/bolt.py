"""SOFABolt v1: many calls at a time under numbers of the connection; GoAway is heeded."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from meshconsole.drill.callers import Callers, Conversation, Line, body_of, number_in
from meshconsole.drill.spoken.serving import Served

SERVICE = b"com.acme.OrderService:1.0"
REQUEST_CLASS = b"com.alipay.sofa.rpc.core.request.SofaRequest"
ANSWER_CLASS = b"com.alipay.sofa.rpc.core.response.SofaResponse"
TIMEOUT_MS = 30_000
HEARTBEAT, CALL, RESULT, LEAVE = 0, 1, 2, 100
_REQUEST, _ANSWER = Struct(">BBHBiBiHHi"), Struct(">BBHBiBHHHi")
_NUMBER = b"\x00\x00\x00\x08x-number"


class Frame(NamedTuple):
    """One whole frame."""

    type: int
    code: int
    id: int
    status: int
    block: bytes
    content: bytes


class Caller(Conversation):
    """Sixteen calls in flight on one connection."""

    places = 16

    def __init__(self, callers: Callers, line: Line, idler: bool) -> None:
        super().__init__(callers, line, idler)
        self._buffer = bytearray()
        self._next = 1
        self._block = block_of(
            service=SERVICE,
            sofa_head_target_service=SERVICE,
            sofa_head_method_name=b"create",
            sofa_head_target_app=callers.host,
        )

    def ask(self, number: int) -> None:
        id, self._next = self._next, self._next + 1
        self.flying[id] = number
        self.say(request(id, self._block + block_of(x_number=b"%d" % number), body_of(number)))

    def heard(self, data: bytes) -> None:
        self._buffer += data
        for one in cut(self._buffer):
            if one.code == LEAVE:
                self.note("GoAway")
                self.leaving = True
            elif one.code == HEARTBEAT:
                self.say(answer(one.id, HEARTBEAT))
            elif one.status:
                why = one.block[-120:].decode("latin-1")
                self.failed(one.id, f"status {one.status}: {why}")
            else:
                if self.leaving and self.callers.ledger.has_more:
                    self.note("answered after GoAway")
                self.answer(one.id, number_in(one.content))


class Server(Served):
    """Answers under the number of the frame."""

    def data_received(self, data: bytes) -> None:
        buffer = bytearray(self.buffer + data)
        said = b"".join([self._answer(one) for one in cut(buffer)])
        self.buffer = bytes(buffer)
        if said:
            self.transport.write(said)

    def _answer(self, one: Frame) -> bytes:
        if one.code == HEARTBEAT:
            return answer(one.id, HEARTBEAT)
        if one.code != CALL:
            return b""
        number = number_in(_header(one.block))
        self.arrived(number, number_in(one.content))
        return answer(one.id, RESULT, b"%d %d" % (number, len(one.content)))


def request(id: int, block: bytes, content: bytes) -> bytes:
    """A call."""
    sizes = len(REQUEST_CLASS), len(block), len(content)
    return _REQUEST.pack(1, 1, CALL, 1, id, 1, TIMEOUT_MS, *sizes) + REQUEST_CLASS + block + content


def answer(id: int, code: int, content: bytes = b"") -> bytes:
    """A call's answer, or a heartbeat's."""
    class_ = ANSWER_CLASS if code == RESULT else b""
    return _ANSWER.pack(1, 0, code, 1, id, 1, 0, len(class_), 0, len(content)) + class_ + content


def cut(buffer: bytearray) -> Iterator[Frame]:
    """Take the whole frames from the front of a buffer."""
    at = 0
    while len(buffer) - at >= _REQUEST.size:
        shape = _REQUEST if buffer[at + 1] else _ANSWER
        _, type_, code, _, id_, _, told, class_, block, content = shape.unpack_from(buffer, at)
        begin = at + shape.size + class_
        end = begin + block + content
        if len(buffer) < end:
            break
        middle = begin + block
        yield Frame(
            type_, code, id_, 0 if type_ else told,
            bytes(buffer[begin:middle]), bytes(buffer[middle:end]),
        )  # fmt: skip
        at = end
    del buffer[:at]


def block_of(**headers: bytes) -> bytes:
    """A header block; names are written with a dash where Python wants none."""
    return b"".join(
        len(part).to_bytes(4, "big") + part
        for name, value in headers.items()
        for part in (_spelled(name), value)
    )


def _spelled(name: str) -> bytes:
    return (name if name.startswith("sofa") else name.replace("_", "-")).encode()


def _header(block: bytes) -> bytes:
    """The number that the header block says."""
    at = block.find(_NUMBER) + len(_NUMBER)
    length = int.from_bytes(block[at : at + 4], "big")
    return block[at + 4 : at + 4 + length]
