"""Facts from rows, as the shell of healing gathers them: nothing of the truth gets in here."""

from __future__ import annotations

import msgspec

from healer.policy.facts import (
    Accused,
    ApprovalFact,
    CaseFacts,
    CheckFact,
    DrainFact,
    MeshFacts,
    OpeningFact,
    OutFact,
    ReporterFact,
    StepFact,
    Subject,
    TrafficFact,
)
from healer.simulation.rows import Case, Rows, Said
from healer.simulation.world import Instance, World
from meshconsole.healing.cases.voting import Question, approvers_of

_FRESH_SECONDS = 60.0
_DAY, _HOUR = 86_400.0, 3600.0
_OPENINGS_SECONDS = 400.0


def case_facts(world: World, rows: Rows, case: Case) -> CaseFacts:
    """What is known of one case now."""
    subject, now = case.instance, world.now
    peers = [one for one in world.apps[subject.app] if not one.is_removed]
    said = rows.words[subject.name]
    callers = world.callers[subject.app]
    done = [one.at for one in rows.done if one.instance == subject.name]
    return CaseFacts(
        case=str(case.id),
        state=case.state,
        since=case.since,
        opened_at=case.opened_at,
        subject=Subject(
            instance=subject.name,
            app=subject.app,
            unit=subject.unit,
            is_critical=subject.app in world.critical,
        ),
        rounds=case.rounds,
        rung=case.rung,
        is_known=not subject.is_removed,
        in_maintenance="Work." if subject.name in rows.maintenance else "",
        n_instances=len(peers),
        n_serving=sum(rows.serves(one) for one in peers),
        is_serving=rows.serves(subject),
        reports=tuple(
            _reporter(world, rows, subject, caller, said[caller.name])
            for caller in callers
            if caller.name in said
        ),
        callers_active=len(callers),
        caller_units=len({caller.unit for caller in callers}),
        active_ejections=rows.ejectors(subject),
        newest_evidence_age_seconds=_newest(world, rows, subject),
        evidence_version=case.version,
        probe=rows.probe_of(subject),
        accused=tuple(
            Accused(instance=one.name, reporters=reporters)
            for one in peers
            if (reporters := _accusers(rows, one, now))
        ),
        service_reporters=tuple(
            name
            for name, at in rows.service_words[subject.app].items()
            if abs(now - at) <= _FRESH_SECONDS
        ),
        actions_24h=sum(abs(now - at) < _DAY for at in done),
        last_action_age_seconds=min((max(0.0, now - at) for at in done), default=None),
        removal_asked_by=case.asked_by,
        plan=case.plan,
        approval=_approval(rows.approvals.get(case.id)),
        drain=DrainFact(
            is_unpublished=not subject.is_published,
            in_flight=0 if now - case.since > 10 else 3,
        ),
        step=_step(case),
        checks=CheckFact(self_tests_ok=2 if case.probes_ok else 0, probes_ok=case.probes_ok),
        traffic=TrafficFact(
            requests=case.requests, errors=case.errors, has_new_ejection=case.has_relapsed
        ),
    )


def mesh_facts(world: World, rows: Rows) -> MeshFacts:
    """What is going on around every case now."""
    now, t = world.now, world.t
    units: dict[str, int] = {}
    for one in world.instances:
        units[one.unit] = units.get(one.unit, 0) + 1
    lifted = rows.lifted_at
    return MeshFacts(
        n_instances=len(world.instances),
        unit_instances=units,
        out=tuple(
            OutFact(
                case=str(case.id),
                instance=case.instance.name,
                app=case.instance.app,
                unit=case.instance.unit,
                is_serving=rows.serves(case.instance),
            )
            for case in rows.counted()
        ),
        actions_last_hour=sum(abs(now - one.at) < _HOUR for one in rows.done),
        openings=tuple(
            OpeningFact(app=case.instance.app, age_seconds=now - case.opened_at)
            for case in rows.opened_since(now - _OPENINGS_SECONDS)
        ),
        changes=tuple(
            msgspec.structs.replace(change, age_seconds=max(0.0, now - at))
            for at, change in rows.changes
            if now - at < _HOUR
        ),
        protected=dict.fromkeys(rows.protected, "Hours."),
        freezes=dict.fromkeys(rows.freezes, "Frozen."),
        kill_switches={name: "Stop." for name, until in rows.kill_switches.items() if until > t},
        kill_switch_lifted_age_seconds=None if lifted is None else max(0.0, now - lifted),
        limited={name: share for name, (_, share) in rows.limited.items()},
    )


def _reporter(
    world: World, rows: Rows, subject: Instance, caller: Instance, said: Said
) -> ReporterFact:
    mine = rows.accused[caller.name]
    now = world.now
    self_at = rows.self_words.get(caller.name)
    return ReporterFact(
        reporter=caller.name,
        app=caller.app,
        unit=caller.unit,
        weight=world.weights[subject.app][caller.name],
        age_seconds=abs(now - said.at),
        has_ejected=said.has_ejected,
        has_network_alarm=caller.unit in world.alarms,
        accused_instances=len(mine),
        accused_services=len({world.by_name[name].app for name in mine}),
        is_accused=_is_accused(rows, caller, now)
        or (self_at is not None and abs(now - self_at) <= _FRESH_SECONDS),
    )


def _accusers(rows: Rows, subject: Instance, now: float) -> tuple[str, ...]:
    words = rows.words.get(subject.name)
    if not words:
        return ()
    return tuple(name for name, said in words.items() if abs(now - said.at) <= _FRESH_SECONDS)


def _is_accused(rows: Rows, subject: Instance, now: float) -> bool:
    words = rows.words.get(subject.name, {})
    return any(abs(now - said.at) <= _FRESH_SECONDS for said in words.values())


def _newest(world: World, rows: Rows, subject: Instance) -> float | None:
    words = rows.words[subject.name].values()
    ages = [abs(world.now - said.at) for said in words]
    probe = rows.probe_of(subject)
    if probe is not None and not probe.is_ok:
        ages.append(probe.age_seconds)
    return min(ages, default=None)


def _approval(question: Question | None) -> ApprovalFact | None:
    if question is None:
        return None
    return ApprovalFact(
        state=question.state,  # type: ignore[arg-type]
        plan_hash=question.plan_hash,
        requested_by=question.requester,
        needed=question.needed,
        approvers=approvers_of(question.ballots, question.requester),
        rejected_by=next((one.user for one in question.ballots if one.decision == "reject"), ""),
        expires_at=question.expires_at,
    )


def _step(case: Case) -> StepFact | None:
    if not case.step_state:
        return None
    return StepFact(state=case.step_state)  # type: ignore[arg-type]
