"""Between HTTP/2's fields and the common head: whichever way, one judge stands between.

What came by HTTP/2 is written down as an HTTP/1.1 head and read again by `http1.heads`, so nothing
passes here that would be refused there. Before that, what could break out of such a head is
refused: a line end inside a field, a name that is no token, framing that HTTP/2 does not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from proxy.errors import BadMessage
from proxy.http1.heads import (
    ANSWER_HEAD_LIMIT,
    REMEMBERED_BYTES,
    Request,
    Response,
    parse_request,
    parse_response,
)
from proxy.http1.lines import trailer_lines
from proxy.http2 import grpc
from proxy.http2.limits import HEADER_LINES, HEADER_LIST

Field = tuple[bytes, bytes]
Fields = Iterable[Field]

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_SCHEME = re.compile(rb"https?").fullmatch
_BLANK = b" \t"
_COLON = ord(":")
_OF_CONNECTIONS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_OF_REQUESTS = (b":method", b":scheme", b":authority", b":path")
_WITHOUT_CONTENT = frozenset({204, 304})
_NAMES_KNOWN: set[bytes] = set()
_NAMES_LIMIT = 1024


def request_of(fields: Iterable[Field], ended: bool, trusted: bool = False) -> Request:
    """The request that these fields are; `ended` says that no content follows, `trusted` that
    the sender may speak for the mesh. Raises BadMessage.

    Its length is what content-length said, or CHUNKED, or None without content.
    """
    return parse_request(_request_head(tuple(fields), ended), trusted)


def response_of(fields: Iterable[Field], ended: bool, to_head: bool) -> Response:
    """The answer that these fields are, to a HEAD request or another. Raises BadMessage."""
    fields = tuple(fields)
    if sum([len(value) for _, value in fields]) <= REMEMBERED_BYTES:
        response = parse_response(_response_head_again(fields, ended, to_head))
    else:
        response = parse_response(_response_head(fields, ended, to_head))
    if ended and response.mesh_flag:
        response.error = grpc.refused(response)
    return response


def _response_head(fields: tuple[Field, ...], ended: bool, to_head: bool) -> bytes:
    pseudo, lines, lengths = _read(fields, ANSWER_HEAD_LIMIT)
    status = pseudo.pop(b":status", b"")
    if pseudo or len(status) != 3 or not status.isdigit() or status == b"101":
        raise BadMessage("The answer's :status is missing or malformed, or is not alone.", 502)
    number = int(status)
    if number >= 200 and not to_head and number not in _WITHOUT_CONTENT:
        if ended and lengths and lengths[0].strip(b"0"):
            raise BadMessage("The answer ends before the content it announces.", 502)
        if not lengths:
            lines += b"content-length: 0\r\n" if ended else b"transfer-encoding: chunked\r\n"
    return b"HTTP/1.1 %b %b\r\n%b\r\n" % (status, _reason(status), lines)


_response_head_again = lru_cache(256)(_response_head)


def trailers_of(fields: Iterable[Field]) -> bytes:
    """The lines of a trailer that may travel on. Raises BadMessage."""
    pseudo, lines, _ = _read(fields)
    if pseudo:
        raise BadMessage("A trailer holds what only a head may.")
    return trailer_lines(lines)


def request_fields(request: Request, scheme: bytes) -> list[Field]:
    """A request's head as this proxy says it by HTTP/2."""
    authority = request.host
    said = [(b":method", request.method), (b":scheme", scheme), (b":path", request.target)]
    if authority:
        said.append((b":authority", authority))
    said += [field for field in fields_of(request.fields) if field[0] != b"host"]
    if request.length is not None and request.length >= 0:
        said.append((b"content-length", b"%d" % request.length))
    if request.takes_trailers:
        said.append((b"te", b"trailers"))
    return said


def response_fields(response: Response, length: int | None) -> list[Field]:
    """An answer's head as this proxy says it by HTTP/2; `length` is None where it is not said."""
    said = [(b":status", b"%d" % response.status), *fields_of(response.fields)]
    if length is not None:
        said.append((b"content-length", b"%d" % length))
    return said


def fields_of(lines: bytes) -> tuple[Field, ...]:
    """Checked header lines as HTTP/2's fields."""
    return _fields_again(lines) if len(lines) <= REMEMBERED_BYTES else _fields(lines)


def _fields(lines: bytes) -> tuple[Field, ...]:
    fields = []
    for line in lines.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name.lower(), value.strip(_BLANK)))
    return tuple(fields)


_fields_again = lru_cache(256)(_fields)


def _request_head(fields: tuple[Field, ...], ended: bool) -> bytes:
    pseudo, lines, lengths = _read(fields)
    method, scheme, authority, path = (pseudo.pop(name, b"") for name in _OF_REQUESTS)
    if pseudo or not method:
        raise BadMessage("The request's pseudo-headers are not those of a request.")
    if method == b"CONNECT":
        raise BadMessage("CONNECT is not served by this proxy.", 501)
    if not _SCHEME(scheme) or path[:1] not in (b"/", b"*"):
        raise BadMessage("The request's :scheme or :path is missing, or cannot be.")
    if ended and lengths and lengths[0].strip(b"0"):
        raise BadMessage("The request ends before the content it announces.")
    if not ended and not lengths:
        lines += b"transfer-encoding: chunked\r\n"
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, path, _host(authority, lines), lines)


def _host(authority: bytes, lines: bytes) -> bytes:
    """The Host line to put first; none when the lines have it."""
    if not authority:
        return b""
    low = b"\r\n" + lines.lower()
    at = low.find(b"\r\nhost:")
    if at < 0:
        return b"host: %b\r\n" % authority
    if low[at + 7 : low.index(b"\r\n", at + 2)].strip(_BLANK) != authority.lower():
        raise BadMessage("The request's :authority and Host name different places.")
    return b""


def _read(
    fields: Iterable[Field], limit: int = HEADER_LIST
) -> tuple[dict[bytes, bytes], bytes, list[bytes]]:
    """Pseudo-headers, the other fields as header lines, and every content-length."""
    fields = tuple(fields)
    if len(fields) > HEADER_LINES:
        raise BadMessage(f"More than {HEADER_LINES} header lines.", 431)
    pseudo: dict[bytes, bytes] = {}
    lines: list[bytes] = []
    crumbs: list[bytes] = []
    lengths: list[bytes] = []
    for name, value in fields:
        if name[:1] == b":":
            if lines or crumbs or name in pseudo:
                raise BadMessage("A pseudo-header comes twice, or after other fields.")
            pseudo[name] = value
            continue
        _check(name, value)
        if name == b"cookie":
            crumbs.append(value)
            continue
        if name == b"content-length":
            lengths.append(value)
        lines.append(b"%b: %b\r\n" % (name, value))
    if crumbs:
        lines.append(b"cookie: %b\r\n" % b"; ".join(crumbs))
    joined = _joined(lines, pseudo)
    if len(joined) > limit:
        raise BadMessage(f"The head is longer than {limit} bytes.", 431)
    return pseudo, joined, lengths


def _joined(lines: list[bytes], pseudo: dict[bytes, bytes]) -> bytes:
    joined = b"".join(lines)
    if joined.count(b"\n") != len(lines) or joined.count(b"\r") != len(lines) or b"\0" in joined:
        raise BadMessage("A field holds a line end or a NUL.")
    for value in pseudo.values():
        if not value or not value.isascii() or not value.decode().isprintable() or b" " in value:
            raise BadMessage("A pseudo-header is empty, or holds what it may not.")
    return joined


def _check(name: bytes, value: bytes) -> None:
    """A lower-case token that is not of connections; such names are remembered, to a bound."""
    if name not in _NAMES_KNOWN:
        if not _NAME(name):
            raise BadMessage("A field's name is not a lower-case token.")
        if name in _OF_CONNECTIONS:
            raise BadMessage("A field speaks of the connection, which HTTP/2 does not allow.")
        if len(_NAMES_KNOWN) < _NAMES_LIMIT and len(name) <= 32:
            _NAMES_KNOWN.add(name)
    if value and (value[0] in _BLANK or value[-1] in _BLANK):
        raise BadMessage("A field's value begins or ends with a blank.")
    if name == b"te" and value.lower() != b"trailers":
        raise BadMessage("TE may only be trailers in HTTP/2.")


def _reason(status: bytes) -> bytes:
    return b"OK" if status == b"200" else b""
