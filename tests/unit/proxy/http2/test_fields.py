"""What HTTP/2 may say becomes a head; what it may not is refused before it could break one."""

from __future__ import annotations

import pytest

from proxy.errors import BadMessage
from proxy.http1.heads import CHUNKED, parse_request, parse_response, request_bytes
from proxy.http2.fields import (
    Field,
    fields_of,
    request_fields,
    request_of,
    response_fields,
    response_of,
    trailers_of,
)

PSEUDO = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a.b"), (b":path", b"/p")]


def _with(*fields: Field, **pseudo: bytes | None) -> list[Field]:
    named = {name: pseudo.get(name.decode()[1:], value) for name, value in PSEUDO}
    return [(name, value) for name, value in named.items() if value is not None] + list(fields)


def test_a_request_is_one_that_http1_would_have_read() -> None:
    fields = _with((b"x-a", b"1"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"te", b"trailers"))
    request = request_of(fields, ended=True)
    assert request_bytes(request) == (
        b"GET /p HTTP/1.1\r\nhost: a.b\r\nx-a: 1\r\ncookie: a=1; b=2\r\n\r\n"
    )
    assert (request.host, request.length, request.takes_trailers) == (b"a.b", None, True)


def test_a_request_says_how_long_its_content_is_or_that_it_ends_by_itself() -> None:
    assert request_of(_with((b"content-length", b"5"), method=b"POST"), ended=False).length == 5
    assert request_of(_with(method=b"POST"), ended=False).length == CHUNKED
    assert request_of(_with((b"content-length", b"0")), ended=True).length == 0


@pytest.mark.parametrize(
    "fields",
    [
        _with((b"X-Upper", b"1")),
        _with((b"x y", b"1")),
        _with((b"x:y", b"1")),
        _with((b"", b"1")),
        _with((b"x\r\ny", b"1")),
        _with((b"x", b"1\r\nhost: evil")),
        _with((b"x", b"1\r\n\r\nGET /evil HTTP/1.1")),
        _with((b"x", b"1\n")),
        _with((b"x", b"\0")),
        _with((b"x", b" 1")),
        _with((b"x", b"1\t")),
        _with((b"connection", b"close")),
        _with((b"keep-alive", b"1")),
        _with((b"proxy-connection", b"close")),
        _with((b"transfer-encoding", b"chunked")),
        _with((b"upgrade", b"websocket")),
        _with((b"te", b"gzip")),
        _with((b"te", b"trailers, deflate")),
        _with((b":path", b"/twice")),
        _with((b"x", b"1"), (b":status", b"200")),
        [(b"x", b"1"), *PSEUDO],
        _with(method=None),
        _with(scheme=None),
        _with(path=None),
        _with(path=b""),
        _with(path=b"p"),
        _with(path=b"/a b"),
        _with(path=b"/a\r\nx: y"),
        _with(path=b"/\xff"),
        _with(path=b"/#f"),
        _with(path=b"*"),
        _with(method=b"G T"),
        _with(method=b"GET /evil HTTP/1.1\r\nx:"),
        _with(scheme=b"ftp"),
        _with(authority=b""),
        _with(authority=b"user@a.b"),
        _with(authority=b"a b"),
        _with(authority=None),
        _with((b"host", b"other")),
        _with((b"host", b"a.b"), (b"host", b"a.b")),
        _with((b":protocol", b"websocket"), method=b"CONNECT"),
        _with((b"content-length", b"5"), (b"content-length", b"5")),
        _with((b"content-length", b"+5")),
        _with((b"content-length", b"5, 5")),
        _with((b"content-length", b"")),
        _with((b"expect", b"more")),
    ],
    ids=repr,
)
def test_what_could_break_out_of_a_head_or_means_two_things_is_refused(
    fields: list[Field],
) -> None:
    with pytest.raises(BadMessage):
        request_of(fields, ended=False)


def test_content_that_is_announced_and_never_comes_is_refused() -> None:
    with pytest.raises(BadMessage):
        request_of(_with((b"content-length", b"5")), ended=True)
    with pytest.raises(BadMessage):
        response_of([(b":status", b"200"), (b"content-length", b"5")], ended=True, to_head=False)
    assert (
        response_of(
            [(b":status", b"200"), (b"content-length", b"5")], ended=True, to_head=True
        ).length
        == 5
    )


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (_with(*[(b"cookie", b"x")] * 400), 431),
        (_with(*[(b"x", b"x")] * 150), 431),
        (_with((b"x", b"x" * 20_000)), 431),
        (_with(method=b"CONNECT"), 501),
    ],
)
def test_too_much_has_a_status_of_its_own(fields: list[Field], status: int) -> None:
    with pytest.raises(BadMessage) as caught:
        request_of(fields, ended=True)
    assert caught.value.status == status


def test_host_stands_in_for_a_missing_authority_and_may_repeat_it() -> None:
    assert request_of(_with((b"host", b"c.d"), authority=None), ended=True).host == b"c.d"
    assert request_of(_with((b"host", b"A.b")), ended=True).host == b"a.b"


def test_a_request_of_http1_is_said_without_its_framing() -> None:
    head = (
        b"POST /p?q HTTP/1.1\r\nHost: A.b\r\nX-Up: Down \r\nConnection: close, x-gone\r\n"
        b"X-Gone: 1\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\n\r\n"
    )
    assert request_fields(parse_request(head), b"http") == [
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/p?q"), (b":authority", b"a.b"),
        (b"x-up", b"Down"), (b"te", b"trailers"),
    ]  # fmt: skip


def test_answers_pass_both_ways() -> None:
    fields = [(b":status", b"404"), (b"x-a", b"1")]
    response = response_of(fields, ended=True, to_head=False)
    assert (response.status, response.length, response.body_length(False)) == (404, 0, 0)
    assert response_of(fields, ended=False, to_head=False).body_length(False) == CHUNKED
    assert response_fields(response, 0) == [*fields, (b"content-length", b"0")]
    old = parse_response(b"HTTP/1.1 200 OK\r\nConnection: close\r\nX-A: 1\r\n\r\n")
    assert response_fields(old, None) == [(b":status", b"200"), (b"x-a", b"1")]


@pytest.mark.parametrize(
    "fields",
    [
        [(b"x", b"1")],
        [(b":status", b"101")],
        [(b":status", b"2000")],
        [(b":status", b"20x")],
        [(b":status", b"200"), (b":path", b"/")],
        [(b":status", b"200"), (b"x", b"a\r\nb: c")],
        [(b":status", b"200"), (b"transfer-encoding", b"chunked")],
        [(b":status", b"200\r\nx: y")],
    ],
    ids=repr,
)
def test_an_answer_that_is_none_is_refused(fields: list[Field]) -> None:
    with pytest.raises(BadMessage):
        response_of(fields, ended=False, to_head=False)


def test_a_trailer_holds_what_may_stand_there() -> None:
    lines = trailers_of([(b"grpc-status", b"0"), (b"content-length", b"5"), (b"x", b"y")])
    assert lines == b"grpc-status: 0\r\nx: y\r\n"
    assert fields_of(lines) == ((b"grpc-status", b"0"), (b"x", b"y"))
    with pytest.raises(BadMessage):
        trailers_of([(b":path", b"/")])
    with pytest.raises(BadMessage):
        trailers_of([(b"x", b"a\nb")])


@pytest.mark.parametrize(
    ("flag", "code", "error"), [(b"UF", b"14", "5xx"), (b"RL", b"8", None), (b"", b"14", None)]
)
def test_a_sidecars_refusal_of_grpc_counts_as_the_failure_it_is(
    flag: bytes, code: bytes, error: str | None
) -> None:
    fields = [(b":status", b"200"), (b"grpc-status", code)]
    more = [(b"x-mesh-flag", flag)] if flag else []
    assert response_of([*fields, *more], ended=True, to_head=False).error == error
