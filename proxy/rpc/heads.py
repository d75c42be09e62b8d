"""Framed requests and answers in the form in which everything is decided: `proxy.http1.heads`."""

from __future__ import annotations

import random
import re

from proxy.contract.reports import ErrorClass
from proxy.http1.heads import Request, Response

METHOD = b"POST"
"""Whatever is called by a framed request may change something, so it is never sent twice."""
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*").fullmatch
_PART = re.compile(rb"[!$%&'()*+,\-.0-9:;=@A-Z_a-z~]*").fullmatch


def is_part(name: bytes) -> bool:
    """May this service or method stand in a path?"""
    return _PART(name) is not None


class FramedRequest(Request):
    """A whole frame and its head: `POST /{service}/{method}`, Host, and the frame's own headers.

    It has no lines: what is asked for is looked up by its name, and what travels is the frame.
    """

    length: int | None = None
    minor = True

    def __init__(
        self,
        frame: bytes,
        *,
        app: bytes,
        service: bytes,
        target: bytes,
        headers: dict[bytes, bytes],
        trace_id: bytes = b"",
        one_way: bool = False,
    ) -> None:
        # Head.__init__ reads lines; here there are none, and the codec has checked the frame.
        self.frame = frame
        self.one_way = one_way
        """Nobody waits for an answer."""
        self.method = METHOD
        self.target = target
        self.host = app.lower() or None
        if not app:
            self.service = b"/" + service
        self.trace_id = trace_id or b"%032x" % random.getrandbits(128)
        self.headers = headers
        """By lower-case name."""
        self.raw = self.lower = b"\r\n"
        self.fields = b""

    def value(self, name: bytes) -> bytes | None:
        """The value of a header by its lower-case name, if it could be a header of HTTP."""
        value = self.headers.get(name)
        return value.strip() if value is not None and _VALUE(value) else None

    def after(self, needle: bytes) -> bytes | None:
        """The same, where the name is given as `CRLF name colon`."""
        return self.value(needle[2:-1])

    @property
    def path(self) -> bytes:
        """The target: no name in it holds a question mark."""
        return self.target


class FramedResponse(Response):
    """What an answer says, to count it and to decide about retries; its bytes go by themselves."""

    def __init__(
        self,
        status: int,
        error: ErrorClass | None = None,
        mesh_flag: bytes = b"",
        no_retry: bool = False,
    ) -> None:
        self.status = status
        self.error = error
        self.mesh_flag = mesh_flag
        self.no_retry = no_retry
        self.reason = self.fields = b""
        self.minor = True
        self.raw = self.lower = b"\r\n"
