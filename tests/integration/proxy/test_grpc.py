"""gRPC through the proxy, with gRPC's own client and server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.integration.proxy.processes import alone, free_port

PATIENCE = 20


class Service(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Methods of every kind over plain bytes; `left` is set when a caller has gone."""

    def __init__(self) -> None:
        self.left = threading.Event()
        self.asked = threading.Event()
        self.metadata: dict[str, str | bytes] = {}

    def service(self, details: Any) -> Any:
        return {
            "/test/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/test/Many": grpc.unary_stream_rpc_method_handler(self.many),
            "/test/Sum": grpc.stream_unary_rpc_method_handler(self.total),
            "/test/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "/test/Fails": grpc.unary_unary_rpc_method_handler(self.fails),
            "/test/Hangs": grpc.unary_stream_rpc_method_handler(self.hangs),
        }.get(details.method)

    def unary(self, request: bytes, context: Any) -> bytes:
        self.metadata = dict(context.invocation_metadata())
        context.send_initial_metadata((("x-first", "1"),))
        context.set_trailing_metadata((("x-last", "2"), ("x-bin", b"\0\xff")))
        return request[::-1]

    def many(self, request: bytes, _context: Any) -> Iterator[bytes]:
        for n in range(int(request)):
            yield b"%d" % n * 1000

    def total(self, requests: Iterator[bytes], _context: Any) -> bytes:
        return b"%d" % sum(len(request) for request in requests)

    def chat(self, requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        for request in requests:
            yield request.upper()

    def fails(self, _request: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: größer")
        raise AssertionError

    def hangs(self, _request: bytes, context: Any) -> Iterator[bytes]:
        context.add_callback(self.left.set)
        self.asked.set()
        yield b"first"
        self.left.wait(PATIENCE)


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Service, int]]:
    handler = Service()
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, port
    server.stop(None).wait(PATIENCE)


@pytest.fixture(scope="module", params=["one sidecar", "two sidecars"])
def channel(request: pytest.FixtureRequest, service: tuple[Service, int]) -> Iterator[Any]:
    with alone("--upstream", f"127.0.0.1:{service[1]}") as inner:
        if request.param == "one sidecar":
            with grpc.insecure_channel(f"127.0.0.1:{inner.port}") as opened:
                yield opened
            return
        with (
            alone("--upstream", f"127.0.0.1:{inner.port}") as outer,
            grpc.insecure_channel(f"127.0.0.1:{outer.port}") as opened,
        ):
            yield opened


def test_one_question_has_one_answer_with_what_goes_before_and_after(
    channel: Any, service: tuple[Service, int]
) -> None:
    answer, call = channel.unary_unary("/test/Unary").with_call(
        b"abc", timeout=PATIENCE, metadata=(("x-asked", "yes"), ("x-asked-bin", b"\1\2"))
    )
    assert answer == b"cba"
    assert service[0].metadata["x-asked"] == "yes"
    assert service[0].metadata["x-asked-bin"] == b"\1\2"
    assert dict(call.initial_metadata())["x-first"] == "1"
    assert dict(call.trailing_metadata())["x-last"] == "2"
    assert dict(call.trailing_metadata())["x-bin"] == b"\0\xff"


def test_a_large_message_passes_both_ways(channel: Any) -> None:
    message = bytes(range(256)) * 8_000
    assert channel.unary_unary("/test/Unary")(message, timeout=PATIENCE) == message[::-1]


def test_one_question_has_many_answers(channel: Any) -> None:
    answers = list(channel.unary_stream("/test/Many")(b"500", timeout=PATIENCE))
    assert answers == [b"%d" % n * 1000 for n in range(500)]


def test_many_questions_have_one_answer(channel: Any) -> None:
    questions = (b"x" * 1000 for _ in range(500))
    assert channel.stream_unary("/test/Sum")(questions, timeout=PATIENCE) == b"500000"


def test_questions_and_answers_take_turns(channel: Any) -> None:
    heard = threading.Semaphore(0)

    def questions() -> Iterator[bytes]:
        for word in (b"one", b"two", b"three"):
            yield word
            assert heard.acquire(timeout=PATIENCE)

    answers = []
    for answer in channel.stream_stream("/test/Chat")(questions(), timeout=PATIENCE):
        answers.append(answer)
        heard.release()
    assert answers == [b"ONE", b"TWO", b"THREE"]


def test_many_calls_share_the_channel(channel: Any) -> None:
    ask = channel.unary_unary("/test/Unary")
    calls = [ask.future(b"%03d" % n, timeout=PATIENCE) for n in range(200)]
    assert [call.result() for call in calls] == [(b"%03d" % n)[::-1] for n in range(200)]


def test_an_error_keeps_its_status_and_its_words(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test/Fails")(b"", timeout=PATIENCE)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == "not now: größer"


def test_a_method_that_is_not_there_is_unimplemented(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test/Nothing")(b"", timeout=PATIENCE)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_call_that_is_cancelled_is_cancelled_at_the_server(
    channel: Any, service: tuple[Service, int]
) -> None:
    service[0].left.clear()
    call = channel.unary_stream("/test/Hangs")(b"", timeout=PATIENCE)
    assert next(call) == b"first"
    call.cancel()
    assert service[0].left.wait(PATIENCE)


def test_a_call_whose_time_is_over_is_over_at_the_server_too(
    channel: Any, service: tuple[Service, int]
) -> None:
    service[0].left.clear()
    call = channel.unary_stream("/test/Hangs")(b"", timeout=1)
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert service[0].left.wait(PATIENCE)


def test_a_server_that_is_not_there_is_unavailable_with_a_reason() -> None:
    with (
        alone("--upstream", f"127.0.0.1:{free_port()}") as proxy,
        grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        channel.unary_unary("/test/Unary")(b"", timeout=PATIENCE)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "Cannot connect to 'upstream'" in caught.value.details()
    assert dict(caught.value.trailing_metadata() or ())["x-mesh-flag"] == "UF"
