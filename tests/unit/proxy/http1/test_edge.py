"""What only the mesh may say is dropped from everybody else, and so is what passes for framing."""

from __future__ import annotations

import pytest

from proxy.errors import BadMessage
from proxy.http1.edge import is_end_to_end
from proxy.http1.heads import parse_request, parse_response
from proxy.http1.upstream import Upstream
from proxy.windows import Side
from tests.fuzz.wires import Queue, Wire, caller, relay, running

OF_THE_MESH = (
    b"X-Mesh-Caller: a\r\nx-mesh-hop: 1\r\nX_MESH_UNIT: u\r\nx-mesh_group: g\r\n"
    b"X-Forwarded-Client-Cert: By=a\r\n"
)
OF_ANYBODY = b"Host: a\r\nX-Mesh-Sticky: s\r\nX-Meshed: b\r\nX-Forwarded-For: c\r\n"
HEAD = b"GET / HTTP/1.1\r\n" + OF_THE_MESH + OF_ANYBODY + b"\r\n"


def _forwarded(side: Side, encrypted: bool) -> bytes:
    with running() as queue:
        origins: list[Wire] = []

        def dialled(protocol: Upstream) -> None:
            origins.append(Wire(queue, protocol))

        listener = relay(queue, dialled)
        listener.side = side
        caller(queue, listener, encrypted).feed(HEAD)
        queue.run()
        return bytes(origins[0].said)


@pytest.mark.parametrize(("side", "encrypted"), [("out", False), ("in", False), ("out", True)])
def test_who_is_no_sidecar_cannot_speak_for_the_mesh(side: Side, encrypted: bool) -> None:
    seen = _forwarded(side, encrypted)
    assert OF_ANYBODY in seen
    assert b"mesh-caller" not in seen.lower()
    for line in OF_THE_MESH.split(b"\r\n")[:-1]:
        assert line not in seen


def test_a_sidecar_whose_identity_was_checked_speaks_for_the_mesh() -> None:
    seen = _forwarded("in", encrypted=True)
    assert OF_THE_MESH + OF_ANYBODY in seen


def test_an_application_cannot_answer_for_the_mesh() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Mesh-Caller: a\r\nX-Mesh-No-Retry: 1\r\nX-Mesh-Flag: UF\r\n\r\n"
    assert parse_response(head).fields == b"X-Mesh-No-Retry: 1\r\n"


def test_a_flag_is_a_short_word_or_nothing() -> None:
    assert parse_response(b"HTTP/1.1 503 -\r\nx-mesh-flag: uf\r\n\r\n").mesh_flag == b"UF"
    assert parse_response(b"HTTP/1.1 503 -\r\nx-mesh-flag: U F\r\n\r\n").mesh_flag == b""


@pytest.mark.parametrize("name", [b"Content_Length", b"TRANSFER_ENCODING", b"transfer_encoding"])
def test_a_name_that_could_pass_for_framing_is_refused(name: bytes) -> None:
    with pytest.raises(BadMessage):
        parse_request(b"POST / HTTP/1.1\r\nHost: a\r\n" + name + b": 5\r\n\r\n")


@pytest.mark.parametrize("name", [b"host", b"content-type", b"x-mesh-caller", b"authorization"])
def test_what_is_meant_for_the_end_is_not_for_connection_to_strike_out(name: bytes) -> None:
    assert is_end_to_end(name)
    with pytest.raises(BadMessage):
        parse_request(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: " + name + b"\r\n\r\n")


def test_an_application_that_says_it_is_out_of_reach_is_not_believed_at_its_own_door() -> None:
    with running() as queue:
        origins: list[Wire] = []

        def dialled(protocol: Upstream) -> None:
            origins.append(Wire(queue, protocol))

        listener = relay(queue, dialled)
        listener.side = "in"
        (member,) = listener.members()
        answer = _answered(queue, caller(queue, listener), origins)
        assert answer.startswith(b"HTTP/1.1 503 Sorry")
        assert b"x-mesh-flag" not in answer
        assert (member.stats.server_error, member.stats.connect) == (1, 0)


def _answered(queue: Queue, wire: Wire, origins: list[Wire]) -> bytes:
    wire.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    queue.run()
    origins[0].feed(b"HTTP/1.1 503 Sorry\r\nX-Mesh-Flag: UF\r\nContent-Length: 0\r\n\r\n")
    queue.run()
    return bytes(wire.said)
