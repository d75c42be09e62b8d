"""One trace through the mesh: a caller's `traceparent` is passed as it is, or one is begun here.

W3C Trace Context, level 1. A valid header travels untouched, with its `tracestate`: this hop is no
span, so the caller stays the parent of whoever is called. Anything else (another length, version
`ff`, an id of zeros, upper case, more than one header) is no trace: it is replaced by a new one,
and a `tracestate`, which means nothing without it, is dropped.

A new trace is marked as sampled. Most libraries follow their parent's mark, so an unmarked one
would silence every application that records what nobody upstream has traced; marked, they record
what they would have recorded without a sidecar.
"""

from __future__ import annotations

import random
import re

from proxy.http1.heads import Request

_TRACEPARENT = b"\r\ntraceparent:"
_VALID = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?"
).fullmatch
_LENGTH = 55
_USUAL = re.compile(rb" 00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\r").match
"""As nearly everybody writes it: taken where it stands."""
_LINES = re.compile(rb"^trace(?:parent|state):[^\r]*\r\n", re.IGNORECASE | re.MULTILINE)


def traced(request: Request) -> bytes:
    """The trace that a request belongs to, 32 hex digits; one that has none is given one."""
    lower = request.lower
    at = lower.find(_TRACEPARENT)
    if at >= 0:
        at += len(_TRACEPARENT)
        if lower.find(_TRACEPARENT, at) < 0:
            raw = request.raw
            usual = _USUAL(raw, at)
            if usual is not None:
                return usual[1]
            trace_id = trace_id_of(raw[at : raw.find(b"\r", at)].strip())
            if trace_id:
                return trace_id
        _forget(request)
    elif b"\r\ntracestate:" in lower:
        _forget(request)
    trace_id = b"%032x" % random.getrandbits(128)
    request.fields += b"traceparent: 00-%b-%016x-01\r\n" % (trace_id, random.getrandbits(64))
    return trace_id


def trace_id_of(traceparent: bytes) -> bytes:
    """The trace id of a valid value; empty when it is none. Versions to come may say more."""
    found = _VALID(traceparent)
    if found is None or (len(traceparent) != _LENGTH and traceparent[:2] == b"00"):
        return b""
    return found[1]


def _forget(request: Request) -> None:
    request.fields = _LINES.sub(b"", request.fields)
