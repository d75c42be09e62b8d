"""What a request may choose from: an application, and the members that one decision leaves."""

from __future__ import annotations

import random
from collections.abc import Iterator

from proxy.balancing.keys import key_of
from proxy.balancing.maglev import Maglev
from proxy.balancing.ring import Ring
from proxy.balancing.turns import turns_of
from proxy.balancing.weights import (
    STEPS,
    Standing,
    local_steps,
    preferring_own_unit,
    step_of,
    warmed,
)
from proxy.budget import RetryBudget
from proxy.contract.snapshot import Endpoint, HealingTerms, Rule, Service
from proxy.interfaces import interfaces_of
from proxy.member import Member

IN_TURN, DRAWN, BY_KEY, PROBING = range(4)
"""How a member is picked; `PROBING` for one request, by one that is ejected and may be tried."""
_HOW = {"round_robin": IN_TURN, "least_request": DRAWN, "ring_hash": BY_KEY, "maglev": BY_KEY}


class Choice:
    """The members one decision may pick from, and whose turn it is."""

    __slots__ = (
        "_base", "_counting", "_given", "_hashed", "group", "how", "is_panicking", "is_reduced",
        "members", "probe", "schedule", "shares", "target", "turn", "usual",
    )  # fmt: skip

    def __init__(
        self,
        target: Target,
        group: str,
        members: tuple[Member, ...],
        endpoints: tuple[Endpoint, ...],
        now: float = 0.0,
    ) -> None:
        self.target = target
        self.group = group
        self.members = members
        self._given = endpoints
        """What this table says of each member; another may say something else of it."""
        self.how = self.usual = _HOW[target.service.balancer]
        self.probe: Member | None = None
        """Who gets the next request that may be repeated, though it is ejected."""
        self.is_reduced = False
        """Has somebody a smaller share just now, because it is ejected or returns?"""
        self.is_panicking = False
        """Is everybody ejected? Then nobody is: a broken answer is better than none."""
        self._base: tuple[int, ...] | None = None
        """What each would count if nobody was ejected; rings and tables are made of it."""
        self.shares: tuple[int, ...] | None = None
        """How much each member counts just now."""
        self._counting: dict[Member, int] | None = None
        self.schedule: tuple[Member, ...] = members[:0]
        """Members in the order of their turns; one of weight 2 comes twice; weight 0 never."""
        self._hashed: Ring | Maglev | None = None
        self.arrange(now)
        self.turn = random.randrange(max(1, len(self.schedule)))  # noqa: S311

    @property
    def counting(self) -> dict[Member, int]:
        """How much each counts of those that do; made when it is first asked for, as most choices
        of a whole mesh are never made."""
        counting = self._counting
        if counting is None:
            pairs = zip(self.members, self.shares or (), strict=True)
            counting = self._counting = {member: share for member, share in pairs if share}
        return counting

    def arrange(self, now: float) -> bool:
        """Give everybody their share as of `now`; may it be another one later?"""
        service = self.target.service
        window = service.slow_start_seconds
        nearby = service.locality == "prefer" and bool(self.target.unit)
        if self.usual == BY_KEY:
            window = 0.0  # keys would move with every step
        if not window and not nearby:
            self._lay_out(tuple(endpoint.weight for endpoint in self._given))
            return False
        standings = self._standings(now)
        shares = warmed(standings, now, window)
        changing = any(step_of(one.new_since, now, window) < STEPS for one in standings)
        if nearby:
            shares = preferring_own_unit(shares, standings, local_steps(standings))
            changing = changing or self.usual != BY_KEY
        self._lay_out(shares)
        return changing

    def hashed(self) -> Ring | Maglev:
        """The ring or table of a choice by key, made when it is first asked for."""
        if self._hashed is None:
            ids = [endpoint.id for endpoint in self._given]
            shares = self._base or ()
            is_ring = self.target.service.balancer == "ring_hash"
            self._hashed = Ring(ids, shares) if is_ring else Maglev(ids, shares)
        return self._hashed

    def continue_from(self, before: Choice) -> None:
        """Go on with the turn, and with the table when nothing in it changes."""
        self.turn = before.turn
        if (
            self.members == before.members
            and self._base == before._base
            and self.target.service.balancer == before.target.service.balancer
        ):
            self._hashed = before._hashed

    def _standings(self, now: float) -> list[Standing]:
        return [
            Standing(
                endpoint.weight,
                member.new_since,
                endpoint.unit == self.target.unit,
                not member.steps or (self.usual != BY_KEY and member.rest_until > now),
            )
            for member, endpoint in zip(self.members, self._given, strict=True)
        ]

    def offer(self, member: Member | None) -> None:
        """The next request that may be repeated goes to this one, which is ejected; None to nobody
        but those who have a share."""
        self.probe = member if member in self.members else None
        self.how = self.usual if self.probe is None else PROBING

    def _lay_out(self, base: tuple[int, ...]) -> None:
        if base != self._base:
            self._base = base
            self._hashed = None
        members = self.members
        shares = base
        if any(member.steps != STEPS for member in members):
            shares = tuple(
                share * member.steps for share, member in zip(base, members, strict=True)
            )
        self.is_panicking = any(base) and not any(shares)
        if self.is_panicking:
            shares = base
        self.is_reduced = shares is not base
        if shares == self.shares:
            return
        self.shares = shares
        self._counting = None
        self.schedule = tuple(members[at] for at in turns_of(shares))


class Target:
    """One application that may be called, with everything a request to it needs."""

    __slots__ = (
        "_terms", "budget", "choices", "everyone", "interfaces", "key", "rule", "service", "unit",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        members: tuple[Member, ...],
        rule: Rule | None,
        *,
        unit: str = "",
        caller: str = "",
        now: float = 0.0,
        terms: HealingTerms | None = None,
    ) -> None:
        self.service = service
        self._terms = terms
        self.unit = unit
        """The caller's own; empty where there is none."""
        self.budget = RetryBudget()
        self.rule = rule
        """The first rule of its route; without conditions, the first holds for every request."""
        self.interfaces = interfaces_of(service.interfaces)
        self.key = key_of(service.hash_on, caller.encode())
        self.everyone = Choice(self, "", members, service.endpoints, now)
        self.choices: dict[str, Choice] = {}
        for group in service.groups:
            own = [
                (member, endpoint)
                for member, endpoint in zip(members, service.endpoints, strict=True)
                if endpoint.group == group
            ]
            self.choices[group] = Choice(
                self, group, tuple(m for m, _ in own), tuple(endpoint for _, endpoint in own), now
            )

    @property
    def terms(self) -> HealingTerms:
        """When one of its endpoints is taken for broken."""
        return self._terms or HealingTerms(name=self.service.name)

    def every_choice(self) -> Iterator[Choice]:
        """Everyone, and each group."""
        yield self.everyone
        yield from self.choices.values()

    def offer(self, member: Member | None) -> None:
        """The next request that may be repeated goes to this one, which is ejected."""
        for choice in self.every_choice():
            choice.offer(member)

    def continue_from(self, before: Target) -> None:
        """Go on with the turns and the budget of the table before: swaps favour nobody."""
        self.budget = before.budget
        self.everyone.continue_from(before.everyone)
        for group, choice in self.choices.items():
            if group in before.choices:
                choice.continue_from(before.choices[group])
