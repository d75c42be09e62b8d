"""Two schedulers over the same rows: what each has read may be old, and the lock decides.

A decision that takes budget is made again under the lock; every other one needs only the version
that it was made on. A message comes twice, a worker dies at its worst moment, and whoever takes up
a step asks first whether it was done.
"""

from __future__ import annotations

import msgspec

from healer.policy.deciding import decide
from healer.policy.decision import STAY, Decision
from healer.policy.parameters import Policy
from healer.simulation.gathering import case_facts, mesh_facts
from healer.simulation.referee import Referee
from healer.simulation.rows import COUNTED_STATES, Case, Done, Rows
from healer.simulation.world import World
from meshconsole.healing.cases.states import TRANSITIONS
from meshconsole.healing.cases.voting import Question

_LEASE_SECONDS = 30.0
Read = tuple[Case, int, Decision]
"""A case, the version that was read, and what was decided on it."""


class Schedulers:
    """Both, and the effects that their actuator has had."""

    def __init__(
        self, world: World, rows: Rows, policy: Policy, referee: Referee, *, is_locked: bool = True
    ) -> None:
        self._world = world
        self._rows = rows
        self._policies = {
            app: msgspec.structs.replace(policy, mode=rows.modes[app]) for app in world.apps
        }
        self._referee = referee
        self._is_locked = is_locked
        self.effects: dict[tuple[int, int], int] = {}
        """How often each step of a case had its effect."""
        self.decisions = 0

    def round(self) -> None:
        """Both read what is due, then write in any order, each on what it has read."""
        rng = self._world.rng
        due = [case for case in self._rows.open.values() if case.due_at <= self._world.now]
        late = [case for case in self._rows.open.values() if rng.random() < 0.02]
        other = [case for case in due if rng.random() < 0.3]
        reads = [self._read(case) for case in (*due, *late, *other)]
        rng.shuffle(reads)
        for read in reads:
            self._write(read)
        self._execute()

    def _read(self, case: Case) -> Read:
        self.decisions += 1
        policy = self._policies[case.instance.app]
        facts, mesh = case_facts(self._world, self._rows, case), mesh_facts(self._world, self._rows)
        return case, case.version, decide(facts, mesh, policy, self._world.now)

    def _write(self, read: Read) -> None:
        case, version, decision = read
        if case.version != version or not case.is_open:
            return
        if decision.event == STAY:
            case.due_at = self._world.now + decision.due_seconds
            return
        target = str(TRANSITIONS[case.state, decision.event])
        if self._is_locked and target in COUNTED_STATES:
            _, _, anew = self._read(case)
            if anew.event != decision.event:
                return
            decision = anew
        self._move(case, target, decision)

    def _move(self, case: Case, target: str, decision: Decision) -> None:
        before, now = case.state, self._world.now
        if decision.plan is not None:
            case.plan = decision.plan
        self._on_leaving(case, before, target, now)
        case.state, case.since, case.version = target, now, case.version + 1
        case.due_at = now + decision.due_seconds
        self._on_entering(case, before, decision, now)
        for name in decision.blamed:
            self._rows.open_case(self._world.by_name[name], now)
        if not case.is_open:
            del self._rows.open[case.instance.name]
            case.instance.is_published = not case.instance.is_removed

    def _on_leaving(self, case: Case, before: str, target: str, now: float) -> None:
        question = self._rows.approvals.get(case.id)
        if before == "awaiting_approval" and question is not None:
            if target == "draining":
                ended = "used"
            elif question.state in ("pending", "approved"):
                ended = "withdrawn"
            else:
                ended = question.state
            self._rows.approvals[case.id] = msgspec.structs.replace(
                question, state=ended, version=question.version + 1
            )
        if before == "draining" and target != "acting":
            case.instance.is_published = True

    def _on_entering(self, case: Case, before: str, decision: Decision, now: float) -> None:
        match case.state:
            case "confirming":
                case.rounds += 1
            case "awaiting_approval":
                self._ask(case, now)
            case "draining":
                self._referee.begins(case, before)
                case.instance.is_published = False
            case "acting":
                self._referee.acts(case)
                case.step, case.step_state, case.lease_until = case.step + 1, "planned", 0.0
                assert case.plan is not None  # noqa: S101 - drained without a plan is no edge
                case.rung = case.plan.rung
                done = Done(
                    at=now,
                    true_at=self._world.t,
                    instance=case.instance.name,
                    rung=case.rung,
                )
                self._rows.done.append(done)
            case "verifying":
                case.probes_ok = 0
            case "returning":
                case.instance.is_published = True
                case.requests, case.errors, case.has_relapsed = 0, 0, False
                self._rows.words[case.instance.name].clear()
                for accused in self._rows.accused.values():
                    accused.discard(case.instance.name)
            case "failed":
                case.instance.is_published = True

    def _ask(self, case: Case, now: float) -> None:
        assert case.plan is not None  # noqa: S101 - asked about nothing is no edge
        before = self._rows.approvals.get(case.id)
        self._rows.approvals[case.id] = Question(
            state="pending",
            version=1 if before is None else before.version + 1,
            plan_hash=case.plan.hash,
            needed=case.plan.approvals_needed,
            requester=case.asked_by,
            expires_at=case.plan.expires_at,
        )

    def _execute(self) -> None:
        """Whoever holds the lease calls the actuator; some die before its word is written down."""
        rng = self._world.rng
        for case in list(self._rows.open.values()):
            if case.state != "acting" or case.lease_until > self._world.t:
                continue
            if case.step_state not in ("planned", "running"):
                continue
            case.step_state, case.lease_until = "running", self._world.t + _LEASE_SECONDS
            key = (case.id, case.step)
            if rng.random() < 0.1:
                continue  # died before the call
            if key not in self.effects:
                self.effects[key] = 1
                self._referee.effect(case)
                self._world.act(case.instance, case.rung)
            if rng.random() < 0.1:
                continue  # died after it
            case.step_state = "failed" if rng.random() < 0.05 else "succeeded"
