"""The one question that healing asks: what is to happen to this case now, and why.

The same function decides in production, in the simulation that tries to break it, and in replays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from healer.policy import confirming, executing, permitting
from healer.policy.decision import Decision
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.parameters import Policy
from healer.policy.waiting import stay

Judge = Callable[[CaseFacts, MeshFacts, Policy, float], Decision]

JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        "observed": confirming.observed,
        "cooling": confirming.cooling,
        "confirming": confirming.confirming,
        "held": confirming.held,
        "gated": permitting.gated,
        "awaiting_approval": permitting.awaiting_approval,
        "draining": executing.draining,
        "acting": executing.acting,
        "verifying": executing.verifying,
        "returning": executing.returning,
        "failed": executing.failed,
        "escalated": executing.waiting_for_person,
        "service_incident": executing.waiting_for_person,
    }
)
"""By state; a state that is not here is final."""


def decide(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """An event of the case's state machine or `stay`, with a sentence, at `now` (epoch seconds)."""
    judge = JUDGES.get(case.state)
    if judge is None:
        return stay(f"It is over: {case.state}.", policy, now=now)
    return judge(case, mesh, policy, now)
