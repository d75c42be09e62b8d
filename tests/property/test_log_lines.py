"""A line laid together from pieces says what an encoder would have said, whatever a caller sent."""

from __future__ import annotations

from typing import cast

import msgspec
from hypothesis import given, strategies as st

from proxy.assembly import fixed
from proxy.contract.identity import InstanceIdentity
from proxy.encryption.peers import Peer
from proxy.http1.heads import Request, parse_request
from proxy.log_lines import Line, Lines
from proxy.relay import Exchange
from proxy.settings import HostPort

_VISIBLE = [bytes([byte]) for byte in range(0x21, 0x7F) if byte != ord("#")]
TARGET = st.lists(st.sampled_from(_VISIBLE), max_size=20).map(lambda part: b"/" + b"".join(part))
_IN_VALUES = [b"\t", *(bytes([byte]) for byte in (*range(0x20, 0x7F), *range(0x80, 0x100)))]
VALUE = st.lists(st.sampled_from(_IN_VALUES), max_size=20).map(b"".join)
PLAIN = st.text("abc-0123456789", max_size=36).map(str.encode)
HEADER = st.none() | VALUE | PLAIN
PEER = Peer(InstanceIdentity(trust_domain="m", unit="u", app="front", instance="front-1"), b"")


class Caller:
    """What a line wants to know of a caller."""

    encrypted = False

    def __init__(self, protocol: str, known: bool = False) -> None:
        self.protocol = protocol
        self.peer = PEER if known else None


class Over:
    """A request that is over."""

    bytes_in = 3
    error = None

    def __init__(
        self, request: Request, protocol: str, served: bool, flag: str, known: bool = False
    ) -> None:
        choice = fixed('odd "name"\\', (HostPort("::1", 80),))
        self.request = request
        self.caller = Caller(protocol, known)
        self.choice = choice if served or flag else None
        self.member = choice.members[0] if served else None
        self.status = 503 if flag else 200
        self.flag = flag
        self.bytes_out = 12345
        self.attempts = 1 if served else 0
        self.trace_id = b"0af7651916cd43dd8448eb211c80319c"


def _request(target: bytes, minor: int, headers: dict[bytes, bytes | None]) -> Request:
    lines = b"".join(
        b"%b:%b\r\n" % (name, value) for name, value in headers.items() if value is not None
    )
    return parse_request(b"GET %b HTTP/1.%d\r\n%b\r\n" % (target, minor, lines))


@given(
    target=TARGET,
    agent=HEADER,
    request_id=HEADER,
    host=st.sampled_from([b"stock", b"", b"[::1]:80", None]),
    protocol=st.sampled_from(["http1", "http2", "bolt"]),
    served=st.booleans(),
    flag=st.sampled_from(["", "UF"]),
    known=st.booleans(),
    began=st.floats(1e9, 4e9),
    seconds=st.floats(0, 1e5),
)
def test_both_ways_of_writing_a_line_say_the_same(
    target: bytes,
    agent: bytes | None,
    request_id: bytes | None,
    host: bytes | None,
    protocol: str,
    served: bool,
    flag: str,
    known: bool,
    began: float,
    seconds: float,
) -> None:
    headers = {b"User-Agent": agent, b"X-Request-Id": request_id}
    named = host or None
    request = _request(target, int(named is not None), {b"Host": named, **headers})
    over = cast("Exchange", Over(request, protocol, served, flag, known))
    lines = Lines('listen "one"')
    written = lines.of_exchange(over, began, seconds)
    again = lines.of_exchange(over, began, seconds)
    encoded = lines._encoded(over, began, seconds)
    assert written == again
    assert written.endswith(b"}\n")
    assert written.count(b"\n") == 1
    assert msgspec.json.decode(written) == msgspec.json.decode(encoded)
    said = msgspec.json.decode(written).get("downstream_peer_uri_san")
    assert said == (PEER.who.uri if known else None)
    line = msgspec.json.decode(written, type=Line)
    assert line.path == target.decode("latin-1")
    assert line.user_agent == (None if agent is None else agent.strip().decode("latin-1"))
    assert line.x_request_id == (
        None if request_id is None else request_id.strip().decode("latin-1")
    )


def test_what_is_remembered_is_bounded() -> None:
    lines = Lines("listen")
    for n in range(2000):
        request = _request(b"/", 1, {b"Host": b"a", b"User-Agent": b"agent-%d" % n})
        lines.of_exchange(cast("Exchange", Over(request, "http1", True, "")), 1e9 + n, 1.0)
    assert len(lines._agents) <= 512
