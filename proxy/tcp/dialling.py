"""Finds a member that takes a session: tries one after another, and counts each attempt."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from proxy import errors
from proxy.balancer import pick
from proxy.failures import counted

if TYPE_CHECKING:
    from proxy.contract.reports import ErrorClass
    from proxy.current import Choice, Member
    from proxy.links.account import Account, Closing, End
    from proxy.listener import Listener

INTERFACE = "tcp"
"""What sessions are counted as on their edge."""
CLOSINGS: dict[End, Closing] = {
    "completed": "clean",
    "cancelled": "clean",
    "failed": "by_peer",
    "cut": "hard",
}
"""How a connection ends with its one session."""


class Attempt:
    """A member that is tried, and then used: counted as in flight until it is over."""

    __slots__ = ("_account", "_began", "_is_open", "_listener", "member", "pool")

    under_way = 1
    """Once it is connected."""

    def __init__(self, listener: Listener, member: Member) -> None:
        pool = listener.pools.pool(member, INTERFACE)
        if pool.opened >= listener.limits.pool_connections:
            raise member.full()
        pool.look()
        self._listener = listener
        self._began = monotonic()
        self._is_open = True
        self._account: Account | None = None
        self.member = member
        self.pool = pool
        pool.opened += 1
        member.stats.attempts += 1
        member.stats.in_flight += 1

    async def connect(self, make: Callable[[], asyncio.Protocol]) -> str:
        """Dial, within the service's patience; why it could not be done, empty when it was. Where
        TLS does not come about and plaintext is allowed, that is tried too."""
        member, pool = self.member, self.pool
        replacing = pool.replacing
        again = False
        while True:
            way = replacing.way(monotonic())
            try:
                miss = await replacing.connected(make, way)
            except asyncio.CancelledError:
                self.over()
                raise
            if miss is None:
                break
            if miss.late and not again:
                again = True
                continue
            if not miss.handshake:
                replacing.not_reached(way)
            if not (miss.handshake and replacing.failed(way, miss, monotonic())):
                member.not_reached(monotonic(), miss.why)
                return miss.why
        member.reached()
        replacing.went_well(way)
        self._account = account = replacing.account_of(way)
        account.joined(self)
        account.started += 1
        pool.tls_sessions += way.encrypted
        return ""

    def answered(self) -> None:
        """The endpoint said something, or ended in peace."""
        self.member.stats.answered += 1

    def failed(self, error: ErrorClass, detail: str) -> None:
        """It did not serve, and whoever watches it hears so."""
        failure = counted(self.member, error, detail, self._began, INTERFACE)
        self.over("failed")
        if failure is not None:
            self._listener.failures.failed(failure)

    def over(self, end: End = "cancelled") -> None:
        """No longer in flight; saying it again changes nothing."""
        if self._is_open:
            self._is_open = False
            if self._account is not None:
                self._account.left(self, CLOSINGS[end])
                self._account.ended(end)
                self.pool.tls_sessions -= self._account.encrypted
            self.pool.opened -= 1
            self.member.stats.in_flight -= 1


async def dialled(
    listener: Listener,
    choice: Choice,
    make: Callable[[], asyncio.Protocol],
    on_try: Callable[[Member], None],
) -> Attempt:
    """A member that took the connection `make` makes; nothing was sent, so any may be tried.
    Raises Refusal when there is none."""
    tried: tuple[Member, ...] = ()
    key = b"%032x" % random.getrandbits(128)
    why = ""
    left = choice.target.service.retries + 1
    while left:
        member = pick(choice, tried, None, key)
        if member is None:
            break
        tried = (*tried, member)
        if monotonic() < member.rest_until:
            why = member.why
            continue
        left -= 1
        attempt = Attempt(listener, member)
        on_try(member)
        why = await attempt.connect(make)
        if not why:
            return attempt
        attempt.failed("connect", why)
    service = choice.target.service.name
    raise errors.connect_failed(service, why) if why else errors.no_endpoint(service, choice.group)
