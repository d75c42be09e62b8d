"""Puts into force what is judged: shares of endpoints, probes, and reports for whoever tells them.

The shell around `judge`: it knows the table in force, the clock and sockets, and nothing of rules.
Nothing is loaded and nothing remembered before the first request was sent to an endpoint.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterable
from time import monotonic, time
from typing import TYPE_CHECKING

from proxy.balancing.weights import STEPS
from proxy.contract.reports import AnomalyReport, Ejection, Scope
from proxy.failures import Failure

if TYPE_CHECKING:
    from proxy.current import Current, Table
    from proxy.healing.judge import Judge
    from proxy.healing.prober import Prober
    from proxy.member import Member

logger = logging.getLogger(__name__)

Key = tuple[str, str, str]
SECOND = 1.0
REFUSALS = frozenset(
    os.strerror(one) for one in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH)
)
"""Words for a dial that another dial would tell more of, and soon."""


class Warden:
    """Of one process: hears of failures, ticks, and holds the ejections in force."""

    def __init__(
        self,
        current: Current,
        *,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        self._current = current
        self.heard: Callable[[Failure], None] | None = None
        """Whoever else hears of failures."""
        self._clock = clock
        self._wall = wall
        self._judge: Judge | None = None
        self._prober: Prober | None = None
        self._table: Table | None = None
        self._due = 0.0
        self._reduced: dict[Key, tuple[int, Ejection | None]] = {}
        """Members whose share is not whole, or whose ejection is not over."""
        self._given: tuple[Ejection, ...] = ()
        """Of the process before, until there is something to hold them against."""
        self.wake: Callable[[], None] | None = None
        """Called when there is something to report."""
        self.spread: Callable[[], None] | None = None
        """Called when shares or probes are others: workers are to follow."""
        self.muted = False
        """Does another process speak for this instance?"""
        self.panics = 0
        """Times that a choice had nobody left, and its ejections were ignored."""

    # what it hears

    def failed(self, failure: Failure, /) -> None:
        """An attempt failed; its counters were moved already."""
        if self.heard is not None:
            self.heard(failure)
        now = self._clock()
        judge = self._made(now)
        judge.failed(failure, now)
        if judge.herald.has_news:
            self._enforce(judge, now)
        if failure.error == "connect" and failure.detail in REFUSALS and self._prober is not None:
            endpoint = failure.endpoint
            self._prober.doubt(judge, (failure.service, endpoint.id, endpoint.addr))

    def _judged(self) -> None:
        judge = self._judge
        if judge is not None and judge.herald.has_news:
            self._enforce(judge, self._clock())

    def tick(self, now: float) -> None:
        """Called a few times a second."""
        judge = self._judge
        if judge is None:
            if not self._given and not any(
                member.stats.attempts for member in self._current.table.members.values()
            ):
                return
            judge = self._made(now)
        self._follow(judge, now)
        judge.poll(now)
        if now >= self._due:
            self._due = now + SECOND
            judge.tick(now)
        if self._reduced or judge.herald.has_news:
            self._enforce(judge, now)
        if self._prober is not None and (self._reduced or self._prober.is_busy):
            self._prober.look(judge, now)

    # what it tells

    def take(self) -> list[AnomalyReport]:
        """Reports that nobody took yet."""
        if self._judge is None:
            return []
        reports = self._judge.herald.take()
        return [] if self.muted else reports

    def told(self) -> tuple[Ejection, ...]:
        """Every ejection that is not over."""
        if self._judge is None:
            return self._given
        found = self._judge.steps(self._clock())
        return tuple(said for _, _, said in found if said is not None)

    def scope_of(self, service: str) -> Scope:
        """Whose fault it is that a service's endpoints fail, as far as that is known."""
        return "instance" if self._judge is None else self._judge.herald.scope_of(service)

    def restore(self, ejections: Iterable[Ejection]) -> None:
        """Go on with what another process of this instance had ejected."""
        self._given = tuple(ejections)
        if self._judge is not None:
            self._resume(self._judge, self._clock())

    @property
    def counted(self) -> dict[str, int]:
        """Ejections so far by rule."""
        return {} if self._judge is None else self._judge.herald.counted

    @property
    def shares(self) -> dict[Key, int]:
        """Of members that do not have a whole one."""
        return {key: steps for key, (steps, _) in self._reduced.items() if steps != STEPS}

    @property
    def offers(self) -> tuple[Key, ...]:
        """Members that the next request may try."""
        return () if self._prober is None else self._prober.offers

    # into force

    def _made(self, now: float) -> Judge:
        judge = self._judge
        if judge is None:
            from proxy.healing.judge import Judge
            from proxy.healing.prober import Prober

            judge = self._judge = Judge(wall=self._wall)
            self._prober = Prober(self._current, self._changed, self._judged)
            self._follow(judge, now)
            self._resume(judge, now)
        return judge

    def _follow(self, judge: Judge, now: float) -> None:
        """Take over what is in force, when it is another table."""
        table = self._current.table
        if table is self._table:
            return
        self._table = table
        judge.herald.digest = table.digest
        judge.become(
            (
                (target.terms, [member.stats for member in target.everyone.members])
                for target in table.targets.values()
            ),
            now,
        )
        self._enforce(judge, now)

    def _resume(self, judge: Judge, now: float) -> None:
        given, self._given = self._given, ()
        if given:
            judge.restore(given, now, self._wall())
            self._enforce(judge, now)

    def _enforce(self, judge: Judge, now: float) -> None:
        """Give members the share that was judged right, and arrange their choices anew."""
        table = self._current.table
        wanted = {key: (steps, said) for key, steps, said in judge.steps(now)}
        services = set()
        for key in self._reduced.keys() | wanted.keys():
            member = table.members.get(key)
            if member is None:
                continue
            steps, said = wanted.get(key, (STEPS, None))
            self._log(member, said)
            member.ejection = said
            if member.steps != steps:
                member.steps = steps
                services.add(key[0])
        self._reduced = wanted
        for name in services:
            self._reshare(name, now)
        if services:
            self._changed()
        if self.wake is not None and judge.herald.has_news:
            self.wake()

    def _reshare(self, service: str, now: float) -> None:
        table = self._current.table
        before = [one.is_panicking for one in table.targets[service].every_choice()]
        table.reshare(service, now)
        for was, choice in zip(before, table.targets[service].every_choice(), strict=True):
            if choice.is_panicking and not was:
                self.panics += 1
                where = f"group {choice.group} of {service}" if choice.group else service
                logger.warning("Everybody in %s is ejected, so ejections there are ignored.", where)

    def _changed(self) -> None:
        if self.spread is not None:
            self.spread()

    def _log(self, member: Member, said: Ejection | None) -> None:
        before, name = member.ejection, f"{member.endpoint.id} of {member.stats.service}"
        if said is None and before is not None:
            logger.warning("%s is asked again as usual.", name)
        elif said is not None and (before is None or before.times < said.times):
            logger.warning(
                "%s is ejected for %.0f s (%s): %s, time %d in a row.",
                name, said.until - said.since, said.mode, said.rule, said.times,
            )  # fmt: skip
