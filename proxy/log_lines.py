"""What a line of the access log says, as JSON with Envoy's field names; pure but for its memory.

The usual line is laid together from pieces that are JSON already: what repeats is remembered, what
a caller said is taken as it is once it is known to need no escaping. Everything else goes through
an encoder. Both say the same, and a test compares them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from proxy.contract.reports import ErrorClass
from proxy.errors import Refusal

if TYPE_CHECKING:
    from proxy.encryption.peers import Peer
    from proxy.member import Member
    from proxy.relay import Exchange

USER_AGENT = b"\r\nuser-agent:"
REQUEST_ID = b"\r\nx-request-id:"
REMEMBERED = 512
"""Spellings of User-Agent, and kinds of outcomes, that are kept as JSON."""
PROTOCOLS = {"http2": "HTTP/2", "bolt": "bolt"}
"""What callers speak, as Envoy writes it; HTTP/1 says its version itself."""
_UNESCAPED = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')
_json = msgspec.json.Encoder().encode


class Line(msgspec.Struct, gc=False):
    """A finished request, or a session, as it is written."""

    start_time: str
    listener: str
    method: str | None = None
    path: str | None = None
    protocol: str | None = None
    response_code: int = 0
    response_flags: str = "-"
    bytes_received: int = 0
    bytes_sent: int = 0
    duration: int = 0
    """Milliseconds."""
    upstream_host: str | None = None
    upstream_cluster: str | None = None
    upstream_request_attempt_count: int = 0
    authority: str | None = None
    user_agent: str | None = None
    x_request_id: str | None = None
    trace_id: str | None = None


class SessionLine(Line, gc=False):
    """A finished session: what is known of it besides."""

    requested_server_name: str | None = None
    connect_duration: int | None = None
    """Milliseconds."""


class Session(Protocol):
    """Bytes that were carried without being read as requests: TCP, or TLS that was not opened."""

    protocol: str
    """What is written as the protocol: `tcp`."""
    flag: str
    """Envoy's response flag; empty when nothing went wrong."""
    error: ErrorClass | None
    bytes_in: int
    """From the caller."""
    bytes_out: int
    """To the caller."""
    attempts: int
    member: Member | None
    """Who served it; None when nobody could."""
    name: str
    """The server name of its TLS greeting, if one was read."""
    peer: Peer | None
    """Who called, as its certificate says."""
    connect_seconds: float | None
    """Until an endpoint took it, with every attempt before; None when none did."""


class Lines:
    """The lines of one listener."""

    def __init__(self, listener: str) -> None:
        self._listener = listener
        self._head = b'","listener":%b,"method":"' % _json(listener)
        self._stamp = self._second = -1
        self._date = ""
        self._opening = b""
        self._outcomes: dict[tuple[int, str, str, bool], bytes] = {}
        self._agents: dict[bytes | None, bytes] = {}

    def of_exchange(self, exchange: Exchange, began: float, seconds: float) -> bytes:
        """The line of a request that began at `began` (Unix time) and took `seconds`."""
        request = exchange.request
        member = exchange.member
        peer = exchange.caller.peer
        host = request.host
        if member is None or host is None:
            return self._encoded(exchange, began, seconds)
        agent = request.after(USER_AGENT)
        request_id = request.after(REQUEST_ID)
        said = b"".join(
            (request.method, request.target, host, request_id or b"", exchange.trace_id)
        )
        if said.translate(None, _UNESCAPED):
            return self._encoded(exchange, began, seconds)
        stamp = int(began * 1000)
        if stamp != self._stamp:
            self._open(stamp)
        outcome = (exchange.status, exchange.flag, exchange.caller.protocol, request.minor)
        return b"".join(
            (
                self._opening,
                request.method,
                b'","path":"',
                request.target,
                self._outcomes.get(outcome) or self._outcome(outcome),
                b'%d,"bytes_sent":%d,"duration":%d'
                % (exchange.bytes_in, exchange.bytes_out, seconds * 1000),
                member.named or _named(member),
                b'%d,"authority":"' % exchange.attempts,
                host,
                b'","user_agent":',
                self._agents.get(agent) or self._agent(agent),
                b',"x_request_id":null,"trace_id":"'
                if request_id is None
                else b',"x_request_id":"%b","trace_id":"' % request_id,
                exchange.trace_id,
                b'"}\n' if peer is None else b'"%b}\n' % peer.log_part,
            )
        )

    def of_refusal(self, refusal: Refusal, at: float) -> bytes:
        """The line of bytes that were no request."""
        return _written(
            Line(
                self._clock(int(at * 1000)),
                self._listener,
                response_code=refusal.status,
                response_flags=refusal.flag,
            )
        )

    def of_session(self, session: Session, began: float, seconds: float) -> bytes:
        """The line of a session that is over."""
        member, connect = session.member, session.connect_seconds
        return _written(
            SessionLine(
                self._clock(int(began * 1000)),
                self._listener,
                protocol=session.protocol,
                response_flags=session.flag or "-",
                bytes_received=session.bytes_in,
                bytes_sent=session.bytes_out,
                duration=int(seconds * 1000),
                upstream_host=member.endpoint.addr if member else None,
                upstream_cluster=member.stats.service if member else None,
                upstream_request_attempt_count=session.attempts,
                requested_server_name=session.name or None,
                connect_duration=None if connect is None else int(connect * 1000),
            ),
            session.peer,
        )

    def _encoded(self, exchange: Exchange, began: float, seconds: float) -> bytes:
        request, member, choice = exchange.request, exchange.member, exchange.choice
        return _written(
            Line(
                start_time=self._clock(int(began * 1000)),
                listener=self._listener,
                method=request.method.decode("latin-1"),
                path=request.target.decode("latin-1"),
                protocol=_protocol(exchange.caller.protocol, request.minor),
                response_code=exchange.status,
                response_flags=exchange.flag or "-",
                bytes_received=exchange.bytes_in,
                bytes_sent=exchange.bytes_out,
                duration=int(seconds * 1000),
                upstream_host=member.endpoint.addr if member else None,
                upstream_cluster=choice.target.service.name if choice else None,
                upstream_request_attempt_count=exchange.attempts,
                authority=_text(request.host),
                user_agent=_text(request.after(USER_AGENT)),
                x_request_id=_text(request.after(REQUEST_ID)),
                trace_id=exchange.trace_id.decode("latin-1") or None,
            ),
            exchange.caller.peer,
        )

    def _open(self, stamp: int) -> None:
        self._stamp = stamp
        self._opening = b'{"start_time":"%b%b' % (self._clock(stamp).encode(), self._head)

    def _clock(self, stamp: int) -> str:
        second, thousandths = divmod(stamp, 1000)
        if second != self._second:
            self._second = second
            self._date = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._date}{thousandths:03d}Z"

    def _outcome(self, outcome: tuple[int, str, str, bool]) -> bytes:
        status, flag, protocol, minor = outcome
        if len(self._outcomes) >= REMEMBERED:
            self._outcomes.clear()
        said = self._outcomes[outcome] = (
            b'","protocol":%b,"response_code":%d,"response_flags":%b,"bytes_received":'
            % (_json(_protocol(protocol, minor)), status, _json(flag or "-"))
        )
        return said

    def _agent(self, agent: bytes | None) -> bytes:
        if agent is None:
            return b"null"
        if len(self._agents) >= REMEMBERED:
            self._agents.clear()
        said = self._agents[agent] = _json(agent.decode("latin-1"))
        return said


def _named(member: Member) -> bytes:
    member.named = (
        b',"upstream_host":%b,"upstream_cluster":%b,"upstream_request_attempt_count":'
        % (_json(member.endpoint.addr), _json(member.stats.service))
    )
    return member.named


def _protocol(spoken: str, minor: bool) -> str:
    return PROTOCOLS.get(spoken) or ("HTTP/1.1" if minor else "HTTP/1.0")


def _written(line: Line, peer: Peer | None = None) -> bytes:
    """Callers that show no certificate have no field that says so."""
    return _json(line) + b"\n" if peer is None else _json(line)[:-1] + peer.log_part + b"}\n"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
