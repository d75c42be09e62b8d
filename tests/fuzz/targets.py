"""The laws that hold for any bytes, one function per parser; each raises when one does not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.contract import codec
from proxy.errors import BadMessage
from proxy.http1.bodies import Chunked
from proxy.http1.heads import parse_request, parse_response, request_bytes
from proxy.sniff import ends_as_request, spoken
from tests.fuzz import framed
from tests.fuzz.conversations import Broken, forwarded, heard
from tests.fuzz.cuts import cut

Target = Callable[[bytes], None]


def requests(data: bytes) -> None:
    """A caller's bytes: readers agree on what is forwarded, however they were cut."""
    _, rest, parts = cut(data)
    if rest:
        whole = forwarded([rest])
        if forwarded(parts) != whole:
            raise Broken(f"cut into {parts!r} it becomes {forwarded(parts)} and not {whole}")


def answers(data: bytes) -> None:
    """An origin's bytes: one whole answer or a broken one, however they were cut."""
    choice, rest, parts = cut(data)
    if rest:
        method = (b"GET", b"HEAD", b"POST")[choice // 8 % 3]
        minor, ends = int(choice < 224), bool(choice & 1)
        whole = heard([rest], method, minor, ends)
        split = heard(parts, method, minor, ends)
        if split != whole:
            raise Broken(f"cut into {parts!r} it becomes {split} and not {whole}")


def heads(data: bytes) -> None:
    """A head is refused, or reads the same when it is written again."""
    for head in (data, b"GET / HTTP/1.1\r\nHost: a\r\n" + data + b"\r\n\r\n"):
        try:
            once = parse_request(head)
        except BadMessage:
            continue
        again = parse_request(request_bytes(once))
        if (again.method, again.target, again.host, again.length, again.fields) != (
            once.method, once.target, once.host, once.length, once.fields,
        ):  # fmt: skip
            raise Broken(f"{head!r} reads differently when written again")
    for head in (data, b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n"):
        try:
            parse_response(head)
        except BadMessage:
            continue


def chunks(data: bytes) -> None:
    """Chunks give the same content, the same end and the same fault, however they are cut."""
    _, rest, parts = cut(data)
    if _content(parts) != _content([rest]):
        raise Broken(f"cut into {parts!r} it becomes {_content(parts)} and not {_content([rest])}")


def _content(parts: list[bytes]) -> tuple[bytes, bytes, bytes] | str:
    reader = Chunked()
    content = after = b""
    for part in parts:
        if reader.done:
            after += part
            continue
        try:
            content += reader.feed(part)
        except BadMessage as error:
            return f"{error.status} {error}"
    return content, reader.trailers, reader.rest + after


def sniffing(data: bytes) -> None:
    """Fewer bytes never tell something else."""
    told, ends = spoken(data), ends_as_request(data)
    for n in range(min(len(data), 64)):
        if ends_as_request(data[:n]) not in (None, ends):
            raise Broken(f"{data[:n]!r} and {data!r} end differently")
        if spoken(data[:n]) not in (None, told):
            raise Broken(f"{data[:n]!r} is {spoken(data[:n])}, and {data!r} is {told}")


def contract(data: bytes) -> None:
    """A frame is refused, or is heard as it was said."""
    for decode in (codec.decode_from_sidecar, codec.decode_from_console):
        try:
            message = decode(data)
        except codec.InvalidFrame:
            continue
        if decode(codec.encode(message)) != message:
            raise Broken(f"{data!r} is not heard as it was said")
    try:
        codec.decode_snapshot(data)
    except (codec.InvalidFrame, msgspec.MsgspecError):
        return


TARGETS: dict[str, Target] = {
    "requests": requests,
    "answers": answers,
    "heads": heads,
    "chunks": chunks,
    "sniffing": sniffing,
    "contract": contract,
    "hpack": framed.hpack_blocks,
    "http2": framed.http2,
    "http2-sessions": framed.http2_sessions,
    "bolt": framed.bolt,
    "bolt-sessions": framed.bolt_sessions,
}
