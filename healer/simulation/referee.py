"""Counts again, from the truth and by its own arithmetic, what must never happen.

It shares no line with the rules: budgets, minimum healthy, quorum, cooldown and four eyes are
written here a second time, as the design words them.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from healer.simulation.rows import Case, Rows
from healer.simulation.world import World

COOLDOWN_SECONDS = 180.0
_FRESH_SECONDS = 60.0
_TENTH, _SIX_TENTHS, _TWENTIETH = Fraction(1, 10), Fraction(6, 10), Fraction(1, 20)
_THREE_TENTHS = Fraction(3, 10)
_INNOCENT_SECONDS = 120.0
_NAMED_MOST = 20


class Referee:
    """Every violation, by what was violated, and the first few in words."""

    def __init__(self, world: World, rows: Rows) -> None:
        self._world = world
        self._rows = rows
        self.violations: Counter[str] = Counter()
        self.named: list[str] = []
        self.begun = 0
        self.unasked = 0
        self._acting: set[str] = set()

    def begins(self, case: Case, before: str) -> None:
        """An instance is about to be taken out: before it is unpublished."""
        self.begun += 1
        self.unasked += before == "gated"
        self._healthy(case)
        if not case.asked_by:
            self._cooldown(case)
            if case.rung == 0:
                self._quorum(case)
                self._innocence(case)
        self._brakes(case)
        self._eyes(case, before)

    def acts(self, case: Case) -> None:
        """The actuator is about to be called for the first time."""
        self._brakes(case)
        self._rates(case)

    def effect(self, case: Case) -> None:
        """It had its effect."""
        name = case.instance.name
        others = [
            other
            for other in self._rows.open.values()
            if other is not case and other.instance.name == name and other.state == "acting"
        ]
        self._hold(not others, "one_action", case, "two actions on it at once")

    def looks(self) -> None:
        """At any moment: budgets of what is out or may begin."""
        counted = list(self._rows.counted())
        self._hold(len(counted) <= 2, "budget", None, f"{len(counted)} of the mesh out")
        for app, out in Counter(case.instance.app for case in counted).items():
            size = len(self._world.apps[app])
            bound = max(1, int(_TENTH * size))
            self._hold(out <= bound, "budget", None, f"{out} of {app} ({size}) out")
        sizes = Counter(one.unit for one in self._world.by_name.values())
        for unit, out in Counter(case.instance.unit for case in counted).items():
            bound = max(1, min(3, int(_TWENTIETH * sizes[unit])))
            self._hold(out <= bound, "budget", None, f"{out} of {unit} ({sizes[unit]}) out")

    def _healthy(self, case: Case) -> None:
        """At least 60% of the service must be published and not ejected without this one."""
        peers = [one for one in self._world.apps[case.instance.app] if not one.is_removed]
        if len(peers) <= 2:
            asked = self._rows.approvals.get(case.id)
            self._hold(asked is not None, "minimum_healthy", case, "one of two, unasked")
            return
        left = sum(
            one.is_published and not self._is_ejected(one.name, one.app)
            for one in peers
            if one is not case.instance
        )
        need = -int(-_SIX_TENTHS * len(peers) // 1)
        self._hold(left >= need, "minimum_healthy", case, f"{left} of {len(peers)} left")

    def _is_ejected(self, name: str, app: str) -> bool:
        out = sum(said.has_ejected for said in self._rows.words[name].values())
        return out * 2 >= max(1, len(self._world.callers[app]))

    def _cooldown(self, case: Case) -> None:
        """In true seconds and those that the clock leapt over, which nobody can tell from time; a
        clock that was set back must not have shortened anything."""
        opened = case.opened_true
        waited = self._world.t - opened
        waited += sum(by for at, by in self._world.leaps if at >= opened)
        self._hold(waited >= COOLDOWN_SECONDS, "cooldown", case, f"after {waited:.0f} s")

    def _quorum(self, case: Case) -> None:
        """Distinct callers that said so within a minute, or the lone one and our own probe."""
        now, name = self._world.now, case.instance.name
        callers = {one.name: one.unit for one in self._world.callers[case.instance.app]}
        saying = {
            reporter
            for reporter, said in self._rows.words[name].items()
            if abs(now - said.at) <= _FRESH_SECONDS and reporter in callers
        }
        if len(callers) == 1:
            at, is_ok = self._rows.probes.get(name, (-1e9, True))
            is_good = len(saying) == 1 and not is_ok and abs(now - at) <= _FRESH_SECONDS
            self._hold(is_good, "quorum", case, "one caller and no failing probe")
            return
        need = max(2, -int(-_THREE_TENTHS * len(callers) // 1))
        units = {callers[reporter] for reporter in saying}
        is_wide = len(units) >= 2 or len(set(callers.values())) < 2
        said = f"{len(saying)} of {len(callers)} callers, {need} needed"
        self._hold(len(saying) >= need and is_wide, "quorum", case, said)

    def _innocence(self, case: Case) -> None:
        """Liars alone must not have an instance acted on that was well all the time."""
        since = self._world.t - case.instance.troubled_at
        age = self._world.t - case.opened_true
        is_innocent = since > age + _INNOCENT_SECONDS
        self._hold(not is_innocent, "innocent", case, "it was well all the time")

    def _brakes(self, case: Case) -> None:
        on = [
            name
            for name, until in self._rows.kill_switches.items()
            if until > self._world.t and name in ("", case.instance.app)
        ]
        self._hold(not on, "kill_switch", case, "the kill switch is on")
        mode = self._rows.modes[case.instance.app]
        self._hold(mode != "observe", "mode", case, "it was only to be observed")

    def _rates(self, case: Case) -> None:
        now, name = self._world.now, case.instance.name
        hour = sum(abs(now - one.at) < 3600 for one in self._rows.done) + 1
        self._hold(hour <= 10, "budget", case, f"{hour} actions in an hour")
        mine = [one for one in self._rows.done if one.instance == name]
        near = min((now - one.at for one in mine if one.at <= now), default=1e9)
        self._hold(near >= 900, "apart", case, f"{near:.0f} s after the last action on it")
        day = sum(abs(now - one.at) < 86_400 for one in mine)
        is_removal = case.plan is not None and case.plan.action == "remove"
        self._hold(day < 2 or is_removal, "budget", case, f"restart {day + 1} of a day")

    def _eyes(self, case: Case, before: str) -> None:
        plan, question = case.plan, self._rows.approvals.get(case.id)
        if plan is None:
            self._hold(False, "four_eyes", case, "without a plan")
            return
        is_large = plan.rung > 2 or case.instance.app in self._world.critical
        if before == "gated":
            is_free = self._rows.modes[case.instance.app] == "auto" and not is_large
            self._hold(is_free and plan.approvals_needed == 0, "four_eyes", case, "unasked")
            return
        if question is None:
            self._hold(False, "four_eyes", case, "never asked")
            return
        said_no = any(one.decision == "reject" for one in question.ballots)
        people = {one.user for one in question.ballots} - {question.requester, ""}
        need = 2 if plan.action == "remove" or case.instance.app in self._world.critical else 1
        self._hold(
            len(people) >= need and not said_no and question.plan_hash == plan.hash,
            "four_eyes",
            case,
            f"{len(people)} of {need} persons",
        )
        in_time = self._world.now < question.expires_at
        self._hold(in_time, "four_eyes", case, "after the approval expired")

    def _hold(self, ok: bool, what: str, case: Case | None, said: str) -> None:
        if ok:
            return
        self.violations[what] += 1
        if len(self.named) < _NAMED_MOST:
            where = "" if case is None else f" case {case.id} of {case.instance.name}:"
            self.named.append(f"{what} at {self._world.t:.0f} s:{where} {said}")
