"""Cases decided again under another policy, side by side, as their evidence came.

The rules are those of production. Each case is followed until something is done or asked, or it
ends; from then on it uses up budget for as long as such a thing takes, so that cases stand in each
other's way as they would have.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from healer.policy.deciding import decide
from healer.policy.decision import STAY, Change, Decision
from healer.policy.facts import CaseFacts, MeshFacts, OpeningFact, OutFact
from healer.policy.parameters import Policy
from healer.replay.hearing import Hearing
from healer.replay.stories import STEP_OF, Story, Word
from meshconsole.healing.cases.states import TRANSITIONS
from meshconsole.healing.replays.shapes import Fate

DECISIONS_LIMIT = 40_000
ACTION_SECONDS = 300.0
"""From the beginning of a drain to the end of slow start."""
_HOUR = 3600.0
_REASON_LIMIT = 300


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """The mesh in which it is replayed."""

    n_instances: int
    unit_instances: dict[str, int]
    changes: tuple[tuple[float, Change], ...] = ()
    """With the time of each, epoch seconds."""


class _Case(msgspec.Struct, kw_only=True):
    """One story on its way."""

    story: Story
    policy: Policy
    state: str = "observed"
    since: float
    rounds: int = 0
    step: str = ""
    step_at: float | None = None
    out_until: float = 0.0
    action: str = ""
    reason: str = ""


class Rerun:
    """One replay of many cases."""

    def __init__(
        self,
        stories: Sequence[Story],
        words: Iterable[Word],
        policies: Mapping[str, Policy],
        around: Around,
    ) -> None:
        self._hearing = Hearing(words)
        self._around = around
        self._cases = [
            _Case(story=story, policy=policies[story.facts.subject.app], since=story.opened_at)
            for story in stories
        ]
        self._opened = sorted((one.opened_at, one.facts.subject.app) for one in stories)
        self._acted: list[float] = []
        self.decisions = 0
        self.is_cut = False

    def run(self, limit: int = DECISIONS_LIMIT) -> list[Fate]:
        """Follow every case to where nothing more is known; at most so many decisions."""
        due = [(case.since, at) for at, case in enumerate(self._cases)]
        heapq.heapify(due)
        while due:
            if self.decisions >= limit:
                self.is_cut = True
                break
            now, at = heapq.heappop(due)
            case = self._cases[at]
            if now > case.story.ended_at:
                continue
            wait = self._look(case, now)
            if wait is not None:
                heapq.heappush(due, (now + wait, at))
        return [_fate(case) for case in self._cases]

    def _look(self, case: _Case, now: float) -> float | None:
        """Decide once; seconds to the next look, None when there is none."""
        self._hearing.go_on(now)
        self.decisions += 1
        decision = decide(self._facts(case, now), self._mesh(case, now), case.policy, now)
        case.reason = decision.reason
        if decision.plan is not None:
            case.action = decision.plan.action
        if decision.event == STAY:
            return max(1.0, decision.due_seconds)
        return self._move(case, decision, now)

    def _move(self, case: _Case, decision: Decision, now: float) -> float | None:
        step = STEP_OF.get(decision.event)
        if step is not None:
            case.step, case.step_at = step, now
            if step == "acted":
                case.out_until = now + ACTION_SECONDS
                self._acted.append(now)
            elif step == "asked":
                case.out_until = now + case.policy.approval_seconds
            else:
                case.action = ""
            return None
        case.state, case.since = str(TRANSITIONS[case.state, decision.event]), now
        case.rounds += case.state == "confirming"
        return max(1.0, decision.due_seconds)

    def _facts(self, case: _Case, now: float) -> CaseFacts:
        story, hearing = case.story, self._hearing
        known, subject = story.facts, story.facts.subject
        probe = known.probe
        ages = [
            age
            for age in (
                hearing.evidence_age(subject.instance, now),
                0.0 if probe is not None and not probe.is_ok else None,
            )
            if age is not None
        ]
        last = story.last_action_at
        return msgspec.structs.replace(
            known,
            case=str(story.case),
            state=case.state,
            since=case.since,
            opened_at=story.opened_at,
            rounds=case.rounds,
            rung=0,
            is_known=True,
            in_maintenance="",
            reports=hearing.reports(story, now),
            accused=hearing.accused(subject.app, now),
            service_reporters=hearing.service_reporters(subject.app, now),
            newest_evidence_age_seconds=min(ages, default=None),
            probe=None if probe is None else msgspec.structs.replace(probe, age_seconds=0.0),
            last_action_age_seconds=None if last is None else max(0.0, now - last),
            plan=None,
            approval=None,
            drain=None,
            step=None,
            checks=None,
            traffic=None,
        )

    def _mesh(self, case: _Case, now: float) -> MeshFacts:
        policy = case.policy
        lately = now - policy.storm_window_seconds - policy.held_quiet_seconds
        return MeshFacts(
            n_instances=self._around.n_instances,
            unit_instances=self._around.unit_instances,
            out=tuple(_out(one) for one in self._cases if one.out_until > now),
            actions_last_hour=sum(now - at < _HOUR for at in self._acted),
            openings=tuple(
                OpeningFact(app=app, age_seconds=now - at)
                for at, app in self._opened
                if lately < at <= now
            ),
            changes=tuple(
                msgspec.structs.replace(change, age_seconds=now - at)
                for at, change in self._around.changes
                if 0 <= now - at <= policy.change_seconds
            ),
        )


def _out(case: _Case) -> OutFact:
    subject = case.story.facts.subject
    return OutFact(
        case=str(case.story.case),
        instance=subject.instance,
        app=subject.app,
        unit=subject.unit,
        is_serving=case.step == "asked" and case.story.facts.is_serving,
    )


def _fate(case: _Case) -> Fate:
    story, subject = case.story, case.story.facts.subject
    waits = "held" if case.state == "held" else "waiting"
    return Fate(
        case=story.case,
        instance=subject.instance,
        app=subject.app,
        opened_at=story.opened_at,
        mark=story.mark,
        was=story.was,
        was_seconds=story.was_seconds,
        then=case.step or waits,
        then_seconds=None if case.step_at is None else case.step_at - story.opened_at,
        action=case.action,
        reason=case.reason[:_REASON_LIMIT],
    )
