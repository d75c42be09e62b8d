"""Addresses of no application here, which are passed on to as they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from proxy.choice import Choice, Target
from proxy.contract.snapshot import Endpoint, Service
from proxy.member import Member
from proxy.settings import HostPort

if TYPE_CHECKING:
    from proxy.failures import Failure, Failures

PASSTHROUGH = "passthrough"
"""What they are counted as together: none of them becomes a name of its own."""
STRANGERS_LIMIT = 1024
"""Addresses remembered at a time; the one that is out of use for longest is forgotten."""


class Strangers:
    """A choice of one member for each address, for as long as it is in use."""

    __slots__ = ("_choices", "_patience_seconds")

    def __init__(self, patience_seconds: float) -> None:
        self._choices: dict[HostPort, Choice] = {}
        self._patience_seconds = patience_seconds
        """With an answer: nobody here knows how long such a peer may take."""

    def at(self, place: HostPort) -> Choice:
        """Everything goes to that address alone."""
        choice = self._choices.pop(place, None)
        if choice is None:
            if len(self._choices) >= STRANGERS_LIMIT:
                self._forget(next(iter(self._choices)))
            choice = _straight_to(place, self._patience_seconds)
        self._choices[place] = choice
        return choice

    def members(self) -> Collection[Member]:
        """Those in use; the others are forgotten."""
        for place, choice in list(self._choices.items()):
            member = choice.members[0]
            if not (member.stats.in_flight or member.opened):
                self._forget(place)
        return [choice.members[0] for choice in self._choices.values()]

    def _forget(self, place: HostPort) -> None:
        self._choices.pop(place).members[0].retire()


class KnownFailures:
    """Hears of failed attempts, and passes on those at endpoints that somebody watches."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures

    def failed(self, failure: Failure, /) -> None:
        """One attempt failed."""
        if failure.service != PASSTHROUGH:
            self._failures.failed(failure)


def _straight_to(place: HostPort, patience_seconds: float) -> Choice:
    endpoint = Endpoint(id=str(place), addr=str(place), group="", unit="")
    service = Service(
        name=PASSTHROUGH, endpoints=(endpoint,), request_timeout_seconds=patience_seconds
    )
    return Target(service, (Member(service, endpoint),), None).everyone
