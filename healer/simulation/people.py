"""People who answer, by the rules of the console: late, twice, on what they asked for themselves.

Every answer of theirs that the rules refuse is one that a race or a replay would bring.
"""

from __future__ import annotations

import msgspec

from healer.simulation.rows import Rows
from healer.simulation.world import World
from meshconsole.healing.cases.voting import Ballot, Decision, Seen, outcome_with, refusal_of

_NAMES = ("person-0", "person-1", "person-2", "person-3")


class People:
    """They look at the queue now and then, and several may look at once."""

    def __init__(self, world: World, rows: Rows) -> None:
        self._world = world
        self._rows = rows
        self._memory: list[tuple[int, Seen]] = []
        """What was on their screens lately."""
        self.refused = 0

    def answer(self, seconds: float) -> None:
        """Some answer what they see, some what they saw."""
        rng = self._world.rng
        for number, question in list(self._rows.approvals.items()):
            if question.state != "pending":
                continue
            seen = Seen(version=question.version, plan_hash=question.plan_hash)
            self._memory.append((number, seen))
            if rng.random() < seconds / 90:
                for _ in range(rng.choice((1, 1, 2, 3))):
                    self._vote(number, seen)
        self._memory = self._memory[-20:]
        if self._memory and rng.random() < seconds / 60:
            self._vote(*rng.choice(self._memory))

    def _vote(self, number: int, seen: Seen) -> None:
        rng = self._world.rng
        question = self._rows.approvals[number]
        decision: Decision = "reject" if rng.random() < 0.05 else "approve"
        ballot = Ballot(user=rng.choice(_NAMES), decision=decision)
        if refusal_of(question, ballot.user, seen, self._world.now) is not None:
            self.refused += 1
            return
        outcome = outcome_with(question, ballot)
        self._rows.approvals[number] = msgspec.structs.replace(
            question,
            state=outcome,
            ballots=(*question.ballots, ballot),
            version=question.version + (outcome != "pending"),
        )
