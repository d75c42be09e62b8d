"""What SOFABolt's frames mean, with SOFARPC's names in their header blocks."""

from __future__ import annotations

import re
from functools import lru_cache

from proxy.bolt import statuses, wire
from proxy.bolt.headers import block_of, headers_of, pairs_of
from proxy.errors import BadMessage, Refusal
from proxy.flags import FLAGS
from proxy.http1.edge import APPLICATIONS_MAY_SAY, MESH_NAMES
from proxy.rpc.frames import ONE_WAY, Frame
from proxy.rpc.heads import FramedRequest, FramedResponse, is_part
from proxy.tracing import trace_id_of

SERVICE = b"sofa_head_target_service"
SERVICE_TOO = b"service"
METHOD = b"sofa_head_method_name"
APP = b"sofa_head_target_app"
TRACE = b"rpc_trace_context.sofatraceid"
TRACEPARENT = b"traceparent"
MESH_FLAG = b"x-mesh-flag"
MESH_MESSAGE = b"x-mesh-message"
NO_RETRY = b"x-mesh-no-retry"
FINAL = frozenset({"RL", "UO"})
"""Refusals that sending again would make worse."""

TARGETS_LIMIT = 1024
"""Services and methods remembered; as many of those that are made up push each other out."""

_HEX = re.compile(rb"[0-9a-f]{1,32}").fullmatch
_OF_THE_MESH = re.compile(MESH_NAMES).fullmatch
_FLAGS = frozenset(flag.encode() for flag in FLAGS)
_SUCCEEDED = FramedResponse(200)


class Bolt:
    """SOFABolt v1 as `proxy.rpc` carries it."""

    name = "bolt"

    def reader(self) -> wire.Reader:
        """For one direction of one connection."""
        return wire.Reader()

    def request(self, frame: Frame, trusted: bool) -> FramedRequest:
        """Who is called, from the header block; raises BadMessage."""
        raw = frame.raw
        block = wire.header_block(raw)
        headers = headers_of(block)
        if not trusted and _may_speak_for_the_mesh(block) and any(map(_OF_THE_MESH, headers)):
            raw, headers = _as_an_application(raw, block)
        service = headers.get(SERVICE) or headers.get(SERVICE_TOO, b"")
        app = headers.get(APP, b"")
        if app and not is_part(app):
            raise BadMessage("The application that is called has a name that cannot be one.")
        return FramedRequest(
            raw,
            app=app,
            service=service,
            target=_target(service, headers.get(METHOD, b"")),
            headers=headers,
            trace_id=_trace_id(headers),
            one_way=frame.kind == ONE_WAY,
        )

    def response(self, frame: Frame) -> FramedResponse:
        """How it ended; only of what did not succeed the header block is read."""
        if frame.status == statuses.SUCCESS:
            return _SUCCEEDED
        try:
            headers = headers_of(wire.header_block(frame.raw))
        except BadMessage:
            headers = {}
        flag = headers.get(MESH_FLAG, b"").upper()
        flag = flag if flag in _FLAGS else b""
        status, error = statuses.as_http(frame.status, flag)
        final = NO_RETRY in headers or frame.status == statuses.SERVER_THREADPOOL_BUSY
        return FramedResponse(status, error, flag, final)

    def with_id(self, raw: bytes, id: int) -> bytes:
        """The same frame with another number and no other difference."""
        return wire.with_id(raw, id)

    def unflagged(self, raw: bytes) -> bytes:
        """The answer without `x-mesh-flag`."""
        pairs = pairs_of(wire.header_block(raw))
        block = block_of(pair for pair in pairs if pair[0].lower() != MESH_FLAG)
        return wire.with_header_block(raw, block)

    def refusal(self, request: Frame, refusal: Refusal) -> bytes:
        """An answer made here: the flag says that it was not the application's."""
        return _refusal(request.id, wire.codec_of(request.raw), refusal)

    def last_words(self, refusal: Refusal) -> bytes:
        """To no request in particular."""
        return _refusal(0, wire.HESSIAN, refusal)

    def ping(self, id: int) -> bytes:
        """A heartbeat."""
        return wire.asks(wire.HEARTBEAT, id)

    def pong(self, ping: Frame) -> bytes:
        """A heartbeat's answer."""
        return wire.answers(wire.HEARTBEAT, ping.id, codec=wire.codec_of(ping.raw))

    def go_away(self, id: int) -> bytes:
        """Nobody answers it."""
        return wire.asks(wire.LEAVE, id, timeout_ms=0)


def _refusal(id: int, codec: int, refusal: Refusal) -> bytes:
    message = refusal.sentence.encode("ascii", "replace")
    pairs = [(MESH_FLAG, refusal.flag.encode()), (MESH_MESSAGE, message)]
    if refusal.flag in FINAL:
        pairs.append((NO_RETRY, b"1"))
    status = statuses.status_of(refusal.flag)
    return wire.answers(wire.RESULT, id, status=status, codec=codec, block=block_of(pairs))


def _may_speak_for_the_mesh(block: bytes) -> bool:
    """A quick look for what every name of the mesh has in it."""
    lower = block.lower()
    return b"mesh" in lower or b"forwarded" in lower


@lru_cache(TARGETS_LIMIT)
def _target(service: bytes, method: bytes) -> bytes:
    if not (is_part(service) and is_part(method)):
        raise BadMessage("The service, or its method, has a name that cannot be one.")
    return b"/%b/%b" % (service, method)


def _as_an_application(raw: bytes, block: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """The frame without what only a sidecar may say (`proxy.http1.edge`)."""
    block = block_of(
        (name, value)
        for name, value in pairs_of(block)
        if name.lower() in APPLICATIONS_MAY_SAY or not _OF_THE_MESH(name.lower())
    )
    return wire.with_header_block(raw, block), headers_of(block)


def _trace_id(headers: dict[bytes, bytes]) -> bytes:
    """The caller's trace: of W3C's header, else of SOFATracer's, which is shorter."""
    parent = headers.get(TRACEPARENT)
    found = trace_id_of(parent) if parent else b""
    if found:
        return found
    trace = headers.get(TRACE, b"").lower()
    return trace.zfill(32) if _HEX(trace) and trace.strip(b"0") else b""


CODEC = Bolt()
