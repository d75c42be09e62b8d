"""Tries endpoints whose time is over: one request at a time that may be repeated, else a dial.

An endpoint that is probed is offered to the balancer for one request. When nobody takes the offer
within a moment, because there is no traffic or none that may be sent again, it is dialled instead:
that says less, and the return that follows is slow.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from proxy import aio
from proxy.failures import OURS

if TYPE_CHECKING:
    from proxy.current import Current
    from proxy.healing.judge import Judge
    from proxy.healing.records import Key
    from proxy.member import Member

OFFER_SECONDS = 1.0
"""How long an offer stands before the endpoint is dialled; a worker's word takes half as long."""
DIAL_SECONDS = 2.0
"""For one dial, at most."""
DOUBT_SECONDS = 0.03
"""Between dials to one that refused a connection."""
DOUBTS_LIMIT = 16
"""Endpoints that are asked after at the same time, at most."""


class _Offer:
    __slots__ = ("attempts", "began", "dialling", "member")

    def __init__(self, member: Member, now: float) -> None:
        self.member = member
        self.began = now
        self.attempts = member.stats.attempts
        self.dialling: asyncio.Task[None] | None = None


class Prober:
    """One probe at a time for each endpoint that waits for one."""

    def __init__(
        self, current: Current, changed: Callable[[], None], judged: Callable[[], None]
    ) -> None:
        self._current = current
        self._judged = judged
        """Called when something may have been decided."""
        self._changed = changed
        self._offers: dict[Key, _Offer] = {}
        self._doubted: set[Key] = set()

    @property
    def offers(self) -> tuple[Key, ...]:
        """Those that are offered now, one of each service."""
        return tuple(key for key, one in self._offers.items() if not _is_asked(one))

    @property
    def is_busy(self) -> bool:
        """Is something offered, or dialled?"""
        return bool(self._offers)

    def look(self, judge: Judge, now: float) -> None:
        """Offer who waits for a probe, and dial who was offered in vain."""
        table = self._current.table
        waiting: dict[Key, Member] = {}
        for name, ejector in judge.ejectors.items():
            for record in ejector.probing():
                member = table.members.get(record.key)
                if member is not None and not any(key[0] == name for key in waiting):
                    waiting[record.key] = member
        for key in self._offers.keys() - waiting.keys():
            self._withdraw(key)
        for key, member in waiting.items():
            self._look_at(judge, key, member, now)

    def doubt(self, judge: Judge, key: Key) -> None:
        """It refused a connection, or ended it at once: ask after it, so that no request has to."""
        member = self._current.table.members.get(key)
        if member is None or key in self._doubted or len(self._doubted) >= DOUBTS_LIMIT:
            return
        if judge.is_doubted(key[0], key):
            self._doubted.add(key)
            aio.spawn(self._ask_after(judge, key, member), name="ask after an endpoint")

    async def _ask_after(self, judge: Judge, key: Key, member: Member) -> None:
        try:
            while judge.is_doubted(key[0], key):
                await asyncio.sleep(DOUBT_SECONDS)
                why = await _refusal(member)
                if not why:
                    return
                now = monotonic()
                member.not_reached(now, why)
                judge.missed(key[0], key, why, now)
            self._judged()
        finally:
            self._doubted.discard(key)

    def _look_at(self, judge: Judge, key: Key, member: Member, now: float) -> None:
        offer = self._offers.get(key)
        if offer is None or offer.member is not member:
            self._offer(key, member, now)
        elif _is_asked(offer):
            if not member.stats.in_flight:  # its answer is counted, and judged already
                self._offer(key, member, now)
        elif now - offer.began >= OFFER_SECONDS and offer.dialling is None:
            offer.dialling = aio.spawn(self._dial(judge, key, offer), name="probe an endpoint")
        else:
            self._current.table.targets[key[0]].offer(member)

    def _offer(self, key: Key, member: Member, now: float) -> None:
        self._offers[key] = _Offer(member, now)
        self._current.table.targets[key[0]].offer(member)
        self._changed()

    def _withdraw(self, key: Key) -> None:
        del self._offers[key]
        target = self._current.table.targets.get(key[0])
        if target is not None:
            target.offer(None)
        self._changed()

    async def _dial(self, judge: Judge, key: Key, offer: _Offer) -> None:
        """Can it be reached? A connection that is closed at once asks nothing of it."""
        member, good = offer.member, False
        try:
            async with asyncio.timeout(min(DIAL_SECONDS, member.connect_seconds)):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    asyncio.Protocol, member.host, member.port
                )
            transport.close()
            good = True
        except (OSError, TimeoutError):
            pass
        if self._offers.get(key) is offer:
            del self._offers[key]
            judge.probed(key[0], key, good, monotonic())


async def _refusal(member: Member) -> str:
    """Why it does not take a connection; empty when it does, or nobody knows soon."""
    try:
        async with asyncio.timeout(DIAL_SECONDS / 10):
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, member.host, member.port
            )
        transport.close()
    except TimeoutError:
        return ""
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        return "" if why in OURS else why
    return ""


def _is_asked(offer: _Offer) -> bool:
    """Was a request sent to it since?"""
    return offer.member.stats.attempts > offer.attempts
