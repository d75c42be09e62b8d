"""Whatever happens in whatever order, healing exceeds no budget and acts on no word too few.

The machine strings troubles, waits, brakes and votes together; the referee counts from the truth,
and what every open case says of itself has to be possible.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from healer.simulation.rows import COUNTED_STATES
from healer.simulation.running import Simulation
from healer.simulation.troubles import KINDS


class Healing(RuleBasedStateMachine):
    """One mesh; hypothesis decides what happens to it next."""

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        self.simulation = Simulation(seed)

    @rule(kind=st.sampled_from(KINDS))
    def trouble(self, kind: str) -> None:
        self.simulation.troubles.happen(kind)

    @rule(minutes=st.integers(1, 9))
    def one_fault_in_quiet(self, minutes: int) -> None:
        self.simulation.troubles.happen("single")
        for _ in range(minutes * 10):
            self.simulation.step(6)

    @rule(count=st.integers(2, 8))
    def troubles_together(self, count: int) -> None:
        for _ in range(count):
            self.simulation.troubles.happen("single")

    @rule(rounds=st.integers(1, 40), seconds=st.floats(1, 9))
    def time_passes(self, rounds: int, seconds: float) -> None:
        for _ in range(rounds):
            self.simulation.step(seconds)

    @rule(seconds=st.floats(-300, 300))
    def the_clock_is_set(self, seconds: float) -> None:
        self.simulation.world.set_clock(seconds)

    @rule()
    def everybody_votes_at_once(self) -> None:
        for _ in range(5):
            self.simulation.people.answer(600)

    @rule(minutes=st.integers(1, 10))
    def the_brake_is_pulled(self, minutes: int) -> None:
        self.simulation.rows.kill_switches[""] = self.simulation.world.t + 60 * minutes

    @invariant()
    def nothing_is_violated(self) -> None:
        simulation = getattr(self, "simulation", None)
        if simulation is None:
            return
        assert simulation.referee.named == []
        assert all(count == 1 for count in simulation.schedulers.effects.values())

    @invariant()
    def an_instance_has_one_open_case_and_a_reason_to_be_out(self) -> None:
        simulation = getattr(self, "simulation", None)
        if simulation is None:
            return
        rows = simulation.rows
        opened = [case.instance.name for case in rows.cases.values() if case.is_open]
        assert sorted(opened) == sorted(rows.open)
        for one in simulation.world.instances:
            case = rows.open.get(one.name)
            assert one.is_published or (case is not None and case.state in COUNTED_STATES)


TestHealing = Healing.TestCase
TestHealing.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
