"""One request, from its head to its last byte: choose, pick, send, answer, observe.

An `Exchange` stands between its caller and, one after another, the links it is tried on; what they
say to each other is in `proxy.seam`, and no framing passes through here. It is told what happened
and never waits, so the usual request costs no task and no timer. Inbound and outbound differ only
in their `Listener`.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Literal

from proxy import errors
from proxy.balancer import pick
from proxy.contract.reports import ErrorClass
from proxy.current import Choice, Member
from proxy.errors import Refusal, Unavailable
from proxy.failures import counted, is_blameless
from proxy.flags import Flag
from proxy.http1.heads import SWITCHING, TUNNEL, Request, Response
from proxy.retrying import REPEATABLE, pause_after
from proxy.tracing import traced

if TYPE_CHECKING:
    from proxy.facing import Door
    from proxy.limiting.admission import Meter
    from proxy.links.account import End
    from proxy.seam import Caller, Link

BODY_RATE = 512
"""Bytes a second that a body has to come at until its answer begins, once the patience with the
request is used up; Apache's figure."""
PASSES_LIMIT = 32
"""Members asked for a place on one attempt, at most, while each is full or rests."""
UNREACHED = b"UF"
"""The flag of `errors.connect_failed`: nothing was sent."""


class Exchange:
    """One request and its answer."""

    # What most requests never change is left to the class: it saves a microsecond on each.
    choice: Choice | None = None
    member: Member | None = None
    meter: Meter | None = None
    link: Link | None = None
    interface = ""
    tried: tuple[Member, ...] = ()
    attempts = 0
    is_open = False
    """Is an attempt under way, and counted as in flight?"""
    is_retry = False
    """Does this attempt take from the service's retry budget?"""
    pause: asyncio.TimerHandle | None = None
    """Runs while a retry waits for its moment."""
    reused = False
    encrypted = False
    """Is the connection that it was sent on?"""
    request_sent = False
    """Is the whole request written, body and all?"""
    status = 0
    """What the caller was told; 0 until its answer begins."""
    patience = 0.0
    """Seconds until the next thing has to happen."""
    bytes_in = 0
    bytes_out = 0
    flag: Flag | Literal[""] = ""
    error: ErrorClass | None = None
    excused = False
    """Is what went wrong no fault of the endpoint?"""
    over = False
    ended: End = "completed"
    """What the caller has of its answer: the whole of it, if nothing else is said."""
    trace_id = b""

    def __init__(self, listener: Door, caller: Caller, request: Request, now: float):
        self.listener = listener
        self.caller = caller
        self.request = request
        self.method = request.method
        self.can_repeat = request.method in REPEATABLE and not request.length
        """May it be sent again when nobody knows whether the first was seen?"""
        self.began = self.tried_at = now

    # choose, pick, send

    def begin(self) -> None:
        """Find out who may answer, and try one."""
        request = self.request
        self.trace_id = request.trace_id or traced(request)
        listener = self.listener
        try:
            choice = self.choice = listener.routing.choose(request, self.trace_id)
            target = choice.target
            target.budget.active += 1
            self.interface = interface = target.interfaces.name_of(self.method, request.path)
            self.meter = listener.admission.enter(target.service.name, interface)
            self.patience = patience = target.service.request_timeout_seconds
            if target.service.try_timeout_seconds and self.can_repeat:
                patience = min(patience, target.service.try_timeout_seconds)
            self.caller.deadline = self.began + patience
            member = pick(choice, (), request, self.trace_id)
            if member is None:
                raise errors.no_endpoint(target.service.name, choice.group)
            self._attempt(member, fresh=False)
        except Refusal as refusal:
            self._refuse(refusal)

    def _attempt(self, member: Member, fresh: bool) -> None:
        self.member = member
        try:
            link = self.listener.pools.acquire(member, self, self.caller.protocol, fresh)
        except Unavailable as why:
            member, link = self._elsewhere(member, why)
            self.member = member
        stats = member.stats
        if self.attempts:
            stats.retries += 1
        self.attempts += 1
        stats.attempts += 1
        stats.in_flight += 1
        self.is_open = True
        if link is not None:
            self.send(link)

    def _elsewhere(self, member: Member, why: Unavailable) -> tuple[Member, Link | None]:
        """The member is full, or rests, so the others are asked; raises Refusal when all are."""
        passed = (*self.tried, member)
        for _ in range(PASSES_LIMIT):
            other = self._other_than(passed)
            if other is None:
                break
            try:
                return other, self.listener.pools.acquire(other, self, self.caller.protocol, False)
            except Unavailable:
                passed = (*passed, other)
        raise why

    def send(self, link: Link) -> None:
        """Here is a link: write the request on it."""
        self.link = link
        self.reused = link.reused
        self.encrypted = link.encrypted
        request = self.request
        if request.length:
            content, done, trailers = self.caller.begin_body()
            if self.over:
                return
            self.bytes_in += len(content)
            self.request_sent = done or request.length == TUNNEL
            link.begin(self, request, content, done, trailers)
        else:
            self.request_sent = True
            link.begin(self, request, b"", True)

    def body_more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More of the caller's body."""
        self.bytes_in += len(content)
        self.request_sent = done
        if self.link is not None:
            self.link.more(content, done, trailers)
            patient = monotonic() + self.patience
            if not done and not self.status:  # so that a trickle does not hold on for ever
                patient = min(patient, self.caller.deadline + len(content) / BODY_RATE)
            self.caller.deadline = patient

    # what goes wrong before an answer

    def connect_failed(self, detail: str) -> None:
        """Nothing was sent, so any request may try another endpoint."""
        choice, member = self.choice, self.member
        if choice is None or member is None or self.over:
            return
        self._failed("connect", detail)
        if not self._try_another(member):
            service = choice.target.service.name
            if self.attempts > 1 and not self._may_try():
                self._refuse(errors.tried_enough(service, self.attempts, detail))
            else:
                self._refuse(errors.connect_failed(service, detail))

    def unprocessed(self, detail: str) -> None:
        """The peer did not touch the request, so any may go elsewhere while its body is here."""
        self.link = None
        member = self.member
        if member is None:
            return
        self._close_attempt()
        if self._may_try() and not self.status and not self.bytes_in:
            self._again(member, fresh=False)
        else:
            self._broken(errors.unprocessed(member.stats.service, detail))

    def connection_ended(self) -> None:
        """The upstream went away. Nobody knows whether it saw the request, so only one that may
        be repeated is: at once on a new connection if a connection that was kept open explains the
        end, else at another endpoint and within the budget of retries."""
        self.link = None
        member, choice = self.member, self.choice
        if member is None or choice is None:
            return
        if self.status == SWITCHING:
            self._end_with(errors.connection_ended(member.stats.service))
        elif self.status:
            self._broken(errors.bad_answer(member.stats.service, "it ended early."))
        elif not self.can_repeat or not choice.target.service.retries:
            self._broken(errors.connection_ended(member.stats.service))
        elif not self._may_try():
            why = "it closed the connection before it answered"
            self._broken(errors.tried_enough(member.stats.service, self.attempts, why))
        elif self.reused:
            self._close_attempt()
            self._again(member, fresh=True)
        else:
            self._failed("connect", "it closed the connection before it answered")
            if not self._retry(member):
                self._end_with(errors.connection_ended(member.stats.service))

    def answer_broken(self, why: str) -> None:
        """The answer is not what its protocol allows."""
        self.link = None
        if self.member is not None:
            self._broken(errors.bad_answer(self.member.stats.service, why))

    def expired(self) -> None:
        """Nothing has happened for too long: whoever was expected to act is told."""
        if self.status == SWITCHING:
            self.caller_left("SI")
        elif self.pause is not None:
            self._end_with(errors.too_slow(self.member.stats.service if self.member else ""))
        elif not self.status and self.can_repeat and self._try_expired():
            return
        elif not self.request_sent and self.link is not None and not self.link.full:
            self._drop_link()
            self._end_with(errors.caller_too_slow())
        elif self.caller.is_full:
            self.caller_left("SI")
        else:
            self._drop_link("failed")
            self._broken(errors.too_slow(self.member.stats.service if self.member else ""))

    def caller_broke(self, refusal: Refusal) -> None:
        """The caller's body is malformed."""
        self._drop_link()
        self._end_with(refusal)

    def caller_left(self, flag: Flag = "DC") -> None:
        """Nobody is there to answer."""
        if not self.over:
            self.ended = "cut" if flag == "LR" else "cancelled"
            self._drop_link(self.ended)
            self.flag = flag
            self.caller.abort()
            self._finish()

    # answer

    def interim(self, response: Response) -> None:
        """Passed on to who can understand it."""
        if self.request.minor:
            self.caller.interim(response)

    def answer(
        self, response: Response, length: int, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """The head, with the first of the content."""
        status = response.status
        if status >= 500 or response.error is not None:
            unreached = self._says_unreached(response)
            if self.choice is not None:
                self.excused = is_blameless(response, self.choice.target.terms.statuses)
            if not response.no_retry and self._goes_elsewhere(status, unreached, done):
                return
            self.error = "connect" if unreached else response.error or "5xx"
        self.status = status
        self.bytes_out = len(content)
        if done:
            self.link = None  # it may serve somebody else already
        self.caller.answer(response, length, content, done, trailers)
        if done:
            self._answered()
        elif self.choice is not None:
            service, limits = self.choice.target.service, self.listener.limits
            if length == TUNNEL:
                self.patience = limits.tunnel_seconds
                if self.member is not None:  # whatever the two say to each other later
                    self.member.stats.answered += 1
            else:
                self.patience = service.idle_timeout_seconds
            self.caller.deadline = monotonic() + self.patience

    def answer_more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More content, and perhaps the end of it."""
        self.bytes_out += len(content)
        if done:
            self.link = None  # it may serve somebody else already
        self.caller.answer_more(content, done, trailers)
        if done:
            self._answered()
        else:
            self.caller.deadline = monotonic() + self.patience

    def upstream_full(self, full: bool) -> None:
        """The upstream reads slower than the caller writes, or has caught up."""
        self.caller.hold(full)

    def caller_full(self, full: bool) -> None:
        """The caller reads slower than the upstream writes, or has caught up."""
        if self.link is not None:
            self.link.hold(full)

    # try again

    def _may_try(self) -> bool:
        return self.choice is not None and self.attempts <= self.choice.target.service.retries

    def _other_than(self, passed: tuple[Member, ...]) -> Member | None:
        if self.choice is None:
            return None
        return pick(self.choice, passed, self.request, self.trace_id)

    def _try_another(self, member: Member) -> bool:
        """Nothing was done there, so another may be asked at once."""
        self.tried = (*self.tried, member)
        other = self._other_than(self.tried) if self._may_try() else None
        if other is None:
            return False
        self._again(other, fresh=False)
        return True

    def _says_unreached(self, response: Response) -> bool:
        """Does an endpoint's sidecar say that it could not reach its application? It says so with
        503, or as its protocol says it; the flag beside anything else is not a sidecar's."""
        if response.mesh_flag != UNREACHED or self.listener.side != "out":
            return False
        return response.status == 503 or response.error is not None

    def _goes_elsewhere(self, status: int, unreached: bool, done: bool) -> bool:
        """Is a bad answer not the last word? When an endpoint's sidecar says that it could not
        reach its application, nothing was done; not with a body, which is gone. Else only if the
        service says so of this status, and the request may be repeated."""
        choice, member = self.choice, self.member
        if choice is None or member is None or not self._may_try():
            return False
        if unreached and done and not self.request.length:
            if self._other_than((*self.tried, member)) is None:
                return False
            self.link = None
            self._failed("connect", "its application cannot be reached")
            return self._try_another(member)
        if not self.can_repeat or status not in choice.target.service.retry_on:
            return False
        if not self._may_retry(member):
            return False
        if done:
            self.link = None  # it may serve somebody else already
        self._drop_link("failed")
        self._failed("5xx", str(status))
        return self._retry(member)

    def _try_expired(self) -> bool:
        """Is this only the end of one try, and not of all patience? Then another begins, or, when
        none may, this one has the rest of the time."""
        choice, member = self.choice, self.member
        if choice is None or member is None:
            return False
        ends = self.began + self.patience
        if monotonic() >= ends:
            return False
        self.caller.deadline = ends
        if self._may_try() and self._may_retry(member):
            self._drop_link("failed")
            self._failed("timeout", "it did not answer within the time of one try")
            self._retry(member)
        return True

    def _may_retry(self, member: Member) -> bool:
        """Is there another endpoint, and room in the budget? What is taken is given back at the
        end. Such retries are a share of what is under way, so that they cannot become the load
        that keeps a service down."""
        if self.choice is None or self._other_than((*self.tried, member)) is None:
            return False
        self.is_retry = self.is_retry or self.choice.target.budget.take()
        if not self.is_retry:
            self.listener.retry_refused()
        return self.is_retry

    def _retry(self, member: Member) -> bool:
        """Send it again though it may have been seen: elsewhere, within the budget, in a moment."""
        if not self._may_retry(member):
            return False
        self.tried = (*self.tried, member)
        self.caller.deadline = self.began + self.patience
        loop = asyncio.get_running_loop()
        self.pause = loop.call_later(pause_after(self.attempts), self._after_pause)
        return True

    def _after_pause(self) -> None:
        self.pause = None
        other = self._other_than(self.tried)
        if other is not None:
            self._again(other, fresh=False)
        elif self.member is not None:
            self._end_with(errors.connection_ended(self.member.stats.service))

    def _again(self, member: Member, fresh: bool) -> None:
        self.tried_at = now = monotonic()
        service = self.choice.target.service if self.choice is not None else None
        if service is not None and service.try_timeout_seconds and self.can_repeat:
            ends = self.began + self.patience
            self.caller.deadline = min(ends, now + service.try_timeout_seconds)
        try:
            self._attempt(member, fresh)
        except Refusal as refusal:
            self._refuse(refusal)

    # observe

    def _answered(self) -> None:
        member = self.member
        if member is not None:
            if self.error is not None:
                self._failed(self.error, str(self.status))
            elif self.status != SWITCHING:  # a tunnel was counted when it began
                member.stats.answered += 1
        self._finish()

    def _failed(self, error: ErrorClass, detail: str) -> None:
        member = self.member
        if member is None or self.choice is None:
            return
        trace_id = self.trace_id.decode("latin-1")
        failure = counted(
            member, error, detail, self.tried_at, self.interface, trace_id, self.excused
        )
        self.excused = False
        self._close_attempt()
        if failure is not None:
            self.listener.failures.failed(failure)

    def _close_attempt(self) -> None:
        if self.is_open and self.member is not None:
            self.is_open = False
            self.member.stats.in_flight -= 1

    def _broken(self, refusal: Refusal) -> None:
        if refusal.error is not None:
            self._failed(refusal.error, refusal.sentence)
        self._end_with(refusal)

    def _end_with(self, refusal: Refusal) -> None:
        """Say it while nothing was said yet; later only a cut connection is honest."""
        if self.status:
            self.flag = refusal.flag
            self.error = refusal.error
            self.ended = "failed"
            self.caller.abort()
            self._finish()
        else:
            self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        self.status = refusal.status
        self.flag = refusal.flag
        self.error = refusal.error
        self.listener.refused(refusal.flag)
        self.caller.refuse(refusal)
        self._finish()

    def _drop_link(self, end: End = "cancelled") -> None:
        link, self.link = self.link, None
        if link is not None:
            link.leave(end)
        elif self.member is not None:
            self.listener.pools.forget(self.member, self)

    def _finish(self) -> None:
        if self.over:
            return
        self.over = True
        self._close_attempt()
        if self.pause is not None:
            self.pause.cancel()
            self.pause = None
        if self.meter is not None:
            self.meter.leave()
        if self.choice is not None:
            self.choice.target.budget.leave(self.is_retry)
        self.listener.observe(self)
        self.caller.exchange_over()
