"""One caller, its services and their endpoints, by the second: what tests of judgement play on."""

from __future__ import annotations

from itertools import count

import msgspec

from proxy.contract.reports import AnomalyReport, Ejection, ErrorClass
from proxy.contract.snapshot import Endpoint, HealingTerms
from proxy.failures import Failure
from proxy.healing.judge import Judge
from proxy.member import EndpointStats

T0 = 1_700_000_000.0
START = 1000.0
"""On the monotonic clock."""


def terms(name: str = "stock", **given: object) -> HealingTerms:
    """Terms that eject, unless said otherwise."""
    return msgspec.structs.replace(HealingTerms(name=name, mode="eject"), **given)


class Play:
    """Endpoints `s1`, `s2`... of `stock`, or of any service by `service:id`."""

    def __init__(self, n: int = 3, *more: str, given: HealingTerms | None = None) -> None:
        self.now = START
        self.ids = count(1)
        self.judge = Judge(
            new_id=lambda: f"id{next(self.ids)}",
            draw=lambda: 0.5,
            wall=lambda: T0 + self.now - START,
        )
        self.terms = {"stock": given or terms()}
        self.stats: dict[str, EndpointStats] = {}
        for name in (*(f"stock:s{at}" for at in range(1, n + 1)), *more):
            self.join(name)
        self.follow()

    def join(self, name: str, weight: int = 100) -> None:
        service, _, id = name.partition(":")
        self.terms.setdefault(service, terms(service))
        endpoint = Endpoint(
            id=id, addr=f"10.0.0.{len(self.stats) + 1}:80", group="g", unit="u", weight=weight
        )
        self.stats[name] = EndpointStats(service, endpoint)

    def follow(self) -> None:
        """What is in force now is judged from now on."""
        self.judge.become(
            (
                (given, [one for one in self.stats.values() if one.service == name])
                for name, given in self.terms.items()
            ),
            self.now,
        )

    def one(self, name: str) -> EndpointStats:
        return self.stats[name if ":" in name else f"stock:{name}"]

    def answer(self, name: str, times: int = 1, seconds: float = 0.01) -> None:
        stats = self.one(name)
        stats.attempts += times
        stats.answered += times
        for _ in range(times):
            stats.took(seconds)

    def fail(self, name: str, times: int = 1, error: ErrorClass = "connect") -> None:
        stats = self.one(name)
        for _ in range(times):
            stats.attempts += 1
            stats.fail(error)
            self.judge.failed(
                Failure(
                    service=stats.service,
                    endpoint=stats.endpoint,
                    error=error,
                    detail="refused",
                    interface="GET /stock/{sku}",
                    streak=stats.streak,
                ),
                self.now,
            )

    def serve(self, name: str, n: int, errors: int, error: ErrorClass = "5xx") -> None:
        """So many requests in this second, of which so many fail, spread out."""
        for at in range(n):
            bad = (at * errors) // n != ((at + 1) * errors) // n
            self.fail(name, 1, error) if bad else self.answer(name)

    def tick(self, seconds: float = 1.0) -> list[AnomalyReport]:
        """So much later, with polls as they come; what was reported meanwhile."""
        steps = max(1, round(seconds / 0.2))
        for at in range(1, steps + 1):
            self.now += seconds / steps
            self.judge.poll(self.now)
            if at % 5 == 0 or at == steps:
                self.judge.tick(self.now)
        return self.take()

    def take(self) -> list[AnomalyReport]:
        return self.judge.herald.take()

    @property
    def shares(self) -> dict[str, int]:
        """Share of those that do not have a whole one, by id."""
        return {key[1]: steps for key, steps, _ in self.judge.steps(self.now) if steps != 20}

    @property
    def all_ejections(self) -> list[Ejection]:
        return [said for _, _, said in self.judge.steps(self.now) if said]

    @property
    def ejections(self) -> dict[str, Ejection]:
        """By id, where one service is played."""
        return {said.instance: said for said in self.all_ejections}

    @property
    def out(self) -> list[str]:
        return sorted(id for id, said in self.ejections.items() if said.state != "returning")


def busy(play: Play, *names: str, n: int = 20) -> None:
    """So many good answers by each."""
    for name in names:
        play.answer(name, n)
