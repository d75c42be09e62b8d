"""Header lines, sans-io: what one may be, which may trail a body, how some are taken out."""

from __future__ import annotations

import re

FIELDS_LIMIT = 100
"""Header lines of one head; Envoy's default."""
LF = 10
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
FIELDS = rb"((?:" + TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+\r\n){0,%d}+)\r\n" % FIELDS_LIMIT
is_token = re.compile(TOKEN + rb"+").fullmatch
_NOT_IN_TRAILERS = re.compile(
    rb"(?:content-(?:length|encoding|type|range)|transfer-encoding|host|trailer|te|connection"
    rb"|keep-alive|proxy-.*|upgrade|authorization|set-cookie|cookie|cache-control|max-forwards"
    rb"|expect|range|if-.*|x[-_]mesh[-_].*|x-forwarded-.*|forwarded|traceparent|tracestate"
    rb"|www-authenticate|location|date|vary|age|expires|warning):"
).match
"""RFC 9110, 6.5.1: what frames, routes, authenticates or controls has no place in a trailer."""


def trailer_lines(lines: bytes) -> bytes:
    """The lines of a checked trailer that may travel on."""
    return b"".join(
        line + b"\r\n"
        for line in lines.split(b"\r\n")
        if line and not _NOT_IN_TRAILERS(line.lower())
    )


def bare_line_end(part: bytes, since: int = 0) -> bool:
    """Does a head that is not complete yet hold a line end that can never become right? Asked for
    what came after `since`, where all before was asked about already."""
    if since and part[since] == LF:
        since += 1  # its CR was there
    end = len(part) - 1 if part[-1:] == b"\r" else len(part)  # its LF may still come
    rest = part[since:end].replace(b"\r\n", b"")
    return b"\n" in rest or b"\r" in rest


def without(lines: bytes, spans: list[tuple[int, int]]) -> bytes:
    """The lines but those at `spans`, which are in order and begin at the CRLF before a line."""
    kept = b""
    at = 2
    for begin, end in spans:
        if begin + 2 >= at:
            kept += lines[at : begin + 2]
            at = end + 2
    return kept + lines[at:]
