"""What frames mean: whom a request calls, how an answer ended, what a refusal says."""

from __future__ import annotations

import pytest

from proxy.bolt import wire
from proxy.bolt.codec import CODEC
from proxy.bolt.headers import block_of, headers_of
from proxy.errors import BadMessage, Refusal, connect_failed, overloaded, rate_limited, too_slow
from proxy.rpc.frames import ANSWER, ONE_WAY, REQUEST, Frame
from proxy.rpc.heads import FramedRequest


def request(kind: int = REQUEST, headers: dict[str, str] | None = None) -> Frame:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    raw = wire.asks(wire.CALL, 5, codec=11, block=block_of(pairs), content=b"content")
    return Frame(kind, 5, raw, timeout_ms=100)


def asked(kind: int = REQUEST, headers: dict[str, str] | None = None) -> FramedRequest:
    return CODEC.request(request(kind, headers), trusted=False)


def answer(status: int, headers: dict[str, str] | None = None) -> Frame:
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    raw = wire.answers(wire.RESULT, 5, status=status, block=block_of(pairs), content=b"content")
    return Frame(ANSWER, 5, raw, status=status)


def test_a_request_names_its_application_service_and_method() -> None:
    told = asked(
        headers={
            "service": "other",
            "sofa_head_target_service": "com.acme.OrderService:1.0",
            "sofa_head_method_name": "create",
            "sofa_head_target_app": "Orders",
        }
    )
    assert (told.method, told.path) == (b"POST", b"/com.acme.OrderService:1.0/create")
    assert (told.host, told.service) == (b"orders", b"")
    assert (told.length, told.upgrade, told.keep_alive) == (None, b"", True)
    assert not told.one_way


def test_a_request_that_names_no_application_is_known_by_its_service() -> None:
    told = asked(ONE_WAY, {"service": "com.acme.OrderService:1.0"})
    assert (told.host, told.service) == (None, b"/com.acme.OrderService:1.0")
    assert told.path == b"/com.acme.OrderService:1.0/"
    assert told.one_way


@pytest.mark.parametrize("name", ["a b", "a/b", "a?b", "a#b", "a\r\nb", "\xe9"])
@pytest.mark.parametrize("which", ["service", "sofa_head_method_name", "sofa_head_target_app"])
def test_a_name_that_could_not_stand_in_a_path_is_refused(which: str, name: str) -> None:
    with pytest.raises(BadMessage, match="cannot be one"):
        asked(headers={which: name})


def test_headers_are_found_by_lower_case_name_when_they_could_be_of_http() -> None:
    told = asked(headers={"X-User": " u1 ", "x-bad": "a\r\nb: c", "not a name": "x"})
    assert told.value(b"x-user") == b"u1"
    assert told.after(b"\r\nx-user:") == b"u1"
    assert told.value(b"x-bad") is None
    assert told.value(b"x-none") is None
    assert (told.fields, told.raw, told.lower) == (b"", b"\r\n", b"\r\n")


def test_the_trace_is_the_callers() -> None:
    sofa, trace = "rpc_trace_context.sofaTraceId", "0af7651916cd43dd8448eb211c80319c"
    parent = f"00-{trace}-b7ad6b7169203331-01"
    assert asked(headers={"traceparent": parent, sofa: "1"}).trace_id == trace.encode()
    told = asked(headers={sofa: "0A0fe93f1488349732342100153695", "traceparent": "nonsense"})
    assert told.trace_id == b"000a0fe93f1488349732342100153695"


@pytest.mark.parametrize("trace", ["", "not hexadecimal", "0" * 30, "1" * 33])
def test_a_request_without_a_trace_begins_one(trace: str) -> None:
    begun = {asked(headers={"rpc_trace_context.sofaTraceId": trace}).trace_id for _ in range(3)}
    assert len(begun) == 3
    assert {len(id) for id in begun} == {32}


def test_only_a_trusted_sender_speaks_for_the_mesh() -> None:
    headers = {"a": "1", "X-Mesh-Source": "x", "x_mesh_any": "y", "x-mesh-sticky": "u"}
    frame = request(headers={**headers, "x-forwarded-client-cert": "z"})
    told = CODEC.request(frame, trusted=False)
    assert told.headers == {b"a": b"1", b"x-mesh-sticky": b"u"}
    assert headers_of(wire.header_block(told.frame)) == told.headers
    assert told.frame.endswith(b"content")
    assert CODEC.request(frame, trusted=True).frame == frame.raw


@pytest.mark.parametrize(
    ("frame", "status", "error", "no_retry"),
    [
        (answer(0), 200, None, False),
        (answer(7), 504, "timeout", False),
        (answer(4), 503, None, True),
        (answer(2), 500, None, False),
        (answer(99), 500, None, False),
        (answer(2, {"x-mesh-no-retry": "1"}), 500, None, True),
        (answer(4, {"x-mesh-flag": "RL"}), 429, None, True),
        (answer(6, {"x-mesh-flag": "nr"}), 404, None, False),
        (answer(5, {"x-mesh-flag": "UF"}), 503, None, False),
    ],
)
def test_an_answer_is_counted_as_http_counts(
    frame: Frame, status: int, error: str | None, no_retry: bool
) -> None:
    told = CODEC.response(frame)
    assert (told.status, told.error, told.no_retry) == (status, error, no_retry)


def test_an_answer_whose_headers_cannot_be_read_says_its_status_all_the_same() -> None:
    raw = wire.answers(wire.RESULT, 5, status=7, block=b"\0\0\0\x09")
    assert CODEC.response(Frame(ANSWER, 5, raw, status=7)).status == 504


def test_a_flag_speaks_of_one_hop_only() -> None:
    flagged = answer(5, {"x-mesh-flag": "UF", "other": "1"})
    assert CODEC.response(flagged).mesh_flag == b"UF"
    raw = CODEC.unflagged(flagged.raw)
    assert headers_of(wire.header_block(raw)) == {b"other": b"1"}
    assert raw.endswith(b"content")


@pytest.mark.parametrize(
    ("refusal", "status", "no_retry"),
    [
        (Refusal(404, "NR", "why"), 6, False),
        (too_slow("a"), 7, False),
        (rate_limited("a", 1), 4, True),
        (overloaded(), 4, True),
        (connect_failed("a", "refused"), 5, False),
        (Refusal(503, "UC", "why"), 16, False),
        (Refusal(502, "UPE", "why"), 9, False),
        (Refusal(418, "LR", "why"), 3, False),
    ],
)
def test_a_refusal_says_its_flag_and_why(refusal: Refusal, status: int, no_retry: bool) -> None:
    reader = wire.Reader()
    reader.feed(CODEC.refusal(request(), refusal))
    frame = reader.next()
    assert frame is not None
    assert (frame.kind, frame.id, frame.status) == (ANSWER, 5, status)
    assert wire.codec_of(frame.raw) == 11
    headers = headers_of(wire.header_block(frame.raw))
    assert headers[b"x-mesh-flag"] == refusal.flag.encode()
    assert headers[b"x-mesh-message"] == refusal.sentence.encode()
    assert (b"x-mesh-no-retry" in headers) == no_retry
