"""What would be done with a request, and why, without doing it.

A head goes the way that traffic goes, through the same reader, router and balancer, and nothing is
left behind: no turn is taken, nothing is counted, no connection is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic, time
from typing import Protocol, runtime_checkable

import msgspec

from proxy.balancer import would_pick
from proxy.choice import Choice
from proxy.contract.reports import Ejection
from proxy.errors import BadMessage, Refusal, malformed
from proxy.http1.heads import HEAD_LIMIT, Request, parse_request
from proxy.http1.lines import bare_line_end
from proxy.listener import Listener
from proxy.member import Member
from proxy.redaction import redacted_lines
from proxy.retrying import REPEATABLE
from proxy.steering.reasons import Reasons
from proxy.tracing import traced

CANDIDATES_SAID = 200


@runtime_checkable
class Explaining(Protocol):
    """A router that says why."""

    def explain(self, request: Request, trace_id: bytes, /) -> tuple[Choice, Reasons]:
        """What `choose` would answer, and how it comes to it; raises the same Refusal."""


class Refused(msgspec.Struct, frozen=True):
    """The answer that this proxy would make itself."""

    status: int
    flag: str
    sentence: str


class Read(msgspec.Struct, frozen=True):
    """How the head was understood."""

    method: str
    target: str
    host: str | None
    version: str
    body: str
    keeps_connection: bool
    may_be_repeated: bool
    trace_id: str
    sent_on: tuple[str, ...]
    """The header lines that travel on, before this hop's own framing; secrets are left out."""


class Candidate(msgspec.Struct, frozen=True):
    """An endpoint that may be picked."""

    id: str
    addr: str
    group: str
    unit: str
    weight: int
    share: int
    """What its weight comes to just now, by age and unit; 0 has no turn."""
    in_flight: int
    connections: int
    waiting: int
    not_reached: int
    """Dials that failed since one went well."""
    rests_seconds: float
    why: str


class Limited(msgspec.Struct, frozen=True):
    """What stands between a request and its endpoint."""

    listener_in_flight: int
    listener_limit: int
    interface_in_flight: int
    interface_limit: int | None
    """None is none."""
    pool_connections: int
    pool_pending: int
    pool_requests: int


class Patience(msgspec.Struct, frozen=True):
    """How long is waited, and how often it is tried."""

    connect_seconds: float
    request_seconds: float
    idle_seconds: float
    retries: int
    retry_on: tuple[int, ...]
    retries_under_way: int
    requests_under_way: int
    budget_allows_a_retry: bool


class Explanation(msgspec.Struct, omit_defaults=True):
    """Everything known; what a refusal made impossible is left out."""

    listener: str
    revision: int
    read: Read | None = None
    refused: Refused | None = None
    reasons: Reasons | None = None
    interface: str = ""
    balancer: str = ""
    candidates: tuple[Candidate, ...] = ()
    candidates_left_out: int = 0
    would_pick: str | None = None
    """Its id; `least_request` draws, so the next request may draw another."""
    protocol_upstream: str = ""
    encryption: str = ""
    patience: Patience | None = None
    limits: Limited | None = None


def explained(listeners: Sequence[Listener], name: str, head: bytes, v: int) -> Explanation:
    """What the listener called `name` (empty: the one that routes) would do with a head; raises
    Refusal when there is no such listener."""
    listener = _listener(listeners, name)
    answer = Explanation(listener.name, v)
    try:
        request = _read(with_line_ends(head))
        is_told = b"\r\ntraceparent:" in request.lower
        trace_id = traced(request)
        answer.read = _understood(request, trace_id)
        _decide(answer, listener, request, trace_id, is_told)
    except BadMessage as error:
        answer.refused = _refused(malformed(error))
    except Refusal as refusal:
        answer.refused = _refused(refusal)
    return answer


def with_line_ends(head: bytes) -> bytes:
    """A head typed with plain line ends as a caller would send it; one with any CR is as it is."""
    if b"\r" in head:
        return head
    return head.rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n\r\n"


def _listener(listeners: Sequence[Listener], name: str) -> Listener:
    known = {listener.name: listener for listener in listeners}
    found = known.get(name or ("outbound" if "outbound" in known else next(iter(known), "")))
    if found is None:
        raise Refusal(404, "NR", f"There is no listener {name!r}: name one of {', '.join(known)}.")
    return found


def _read(head: bytes) -> Request:
    end = head.find(b"\r\n\r\n") + 4
    if end > HEAD_LIMIT or (end < 4 and len(head) > HEAD_LIMIT):
        raise BadMessage(f"The head is longer than {HEAD_LIMIT} bytes.", 431)
    if end < 4:
        if bare_line_end(head):
            raise BadMessage("A line of the head ends in a bare CR or LF.")
        raise BadMessage("The head has no end: finish it with an empty line.", 408)
    return parse_request(head[:end])


def _understood(request: Request, trace_id: bytes) -> Read:
    length = request.length
    body = "none" if not length else f"{length} bytes"
    if length is not None and length < 0:
        body = "a tunnel, after the answer" if request.upgrade else "chunked"
    return Read(
        method=request.method.decode("latin-1"),
        target=request.target.decode("latin-1"),
        host=None if request.host is None else request.host.decode("latin-1"),
        version="HTTP/1.1" if request.minor else "HTTP/1.0",
        body=body,
        keeps_connection=request.keep_alive,
        may_be_repeated=request.method in REPEATABLE and not length,
        trace_id=trace_id.decode(),
        sent_on=redacted_lines(request.fields),
    )


def _decide(
    answer: Explanation, listener: Listener, request: Request, trace_id: bytes, is_told: bool
) -> None:
    routing = listener.routing
    if listener.speaks == "tcp" or not isinstance(routing, Explaining):
        raise Refusal(409, "NR", f"{listener.name} does not route requests by their heads.")
    choice, reasons = routing.explain(request, trace_id)
    if reasons.key_from == "traceparent" and not is_told:
        reasons = msgspec.structs.replace(
            reasons, why=f"{reasons.why} The head has no trace, so each request draws another."
        )
    answer.reasons = reasons
    target = choice.target
    service = target.service
    answer.interface = target.interfaces.name_of(request.method, request.path)
    answer.balancer = service.balancer
    now = monotonic()
    answer.candidates = tuple(
        _candidate(choice, member, now) for member in choice.members[:CANDIDATES_SAID]
    )
    answer.candidates_left_out = max(0, len(choice.members) - CANDIDATES_SAID)
    answer.patience = _patience(choice)
    answer.limits = _limited(listener, service.name, answer.interface)
    member = would_pick(choice, request, trace_id)
    if member is not None:
        wanted = listener.pools.dialler.wanted(member, now)
        answer.encryption = wanted.refusal or ("mutual TLS" if wanted.way.encrypted else "none")
        answer.would_pick = member.endpoint.id
        answer.protocol_upstream = member.protocol or "what the caller speaks"


def _candidate(choice: Choice, member: Member, now: float) -> Candidate:
    endpoint, share = member.endpoint, choice.counting.get(member, 0)
    why = "It has its share."
    if not endpoint.weight:
        why = "Its weight is 0: it is picked for nobody."
    elif member.ejection is not None:
        why = _ejected(choice, member.ejection)
    elif not share:
        why = "It has no turn just now: others of the caller's own unit have them all."
    elif member.rest_until > now:
        why = f"It could not be reached and rests: {member.why}."
    return Candidate(
        endpoint.id, endpoint.addr, endpoint.group, endpoint.unit, endpoint.weight, share,
        member.stats.in_flight, member.opened, member.waiting, member.unreachable,
        round(max(0.0, member.rest_until - now), 3), why,
    )  # fmt: skip


def _ejected(choice: Choice, ejection: Ejection) -> str:
    left = max(0.0, ejection.until - time())
    stands = {
        "ejected": f"It is ejected for {left:.0f} s more, time {ejection.times} in a row",
        "probing": "It is ejected, and probed by one request at a time",
        "returning": "It returns after an ejection, and gets its share bit by bit",
    }[ejection.state]
    done = {"report": " Nothing is done about it but tell.", "weight": " A small share is left."}
    if choice.is_panicking:
        return f"{stands}: {ejection.rule}. Everybody here is, so that is ignored."
    return f"{stands}: {ejection.rule}.{done.get(ejection.mode, '')}"


def _patience(choice: Choice) -> Patience:
    service, budget = choice.target.service, choice.target.budget
    return Patience(
        connect_seconds=service.connect_timeout_seconds,
        request_seconds=service.request_timeout_seconds,
        idle_seconds=service.idle_timeout_seconds,
        retries=service.retries,
        retry_on=service.retry_on,
        retries_under_way=budget.retrying,
        requests_under_way=budget.active,
        budget_allows_a_retry=budget.has_room,
    )


def _limited(listener: Listener, service: str, interface: str) -> Limited:
    admission, limits = listener.admission, listener.limits
    meter = admission.meters().get((service, interface))
    return Limited(
        listener_in_flight=admission.in_flight,
        listener_limit=admission.limit,
        interface_in_flight=meter.in_flight if meter else 0,
        interface_limit=meter.known_limit if meter else None,
        pool_connections=limits.pool_connections,
        pool_pending=limits.pool_pending,
        pool_requests=limits.pool_requests,
    )


def _refused(refusal: Refusal) -> Refused:
    return Refused(refusal.status, refusal.flag, refusal.sentence)
