"""Before anything is planned: the mesh may mend itself, then callers are asked for a quorum."""

from __future__ import annotations

from healer.policy.brakes import kill_switch_gate
from healer.policy.decision import Decision
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.gates import forbidding
from healer.policy.parameters import Policy
from healer.policy.quorum import Quorum, quorum
from healer.policy.scope import service_incident
from healer.policy.storm import storm_gates
from healer.policy.waiting import elapsed, is_quiet, move, no_case, stay


def observed(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Take it up, unless it is nobody's or everything is held."""
    return (
        no_case(case)
        or held_by(case, mesh, policy)
        or move("taken_up", f"Reported failing: it may recover for {policy.cooldown_seconds:g} s.")
    )


def cooling(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Wait, since most faults end by themselves."""
    over = no_case(case) or _gone(case, policy) or held_by(case, mesh, policy)
    if over is not None:
        return over
    incident = service_incident(case, mesh, policy)
    if incident:
        return move("service_wide", incident)
    if elapsed(case, now) >= policy.cooldown_seconds:
        return move("cooled_down", f"Still failing after {policy.cooldown_seconds:g} s.")
    return stay(
        f"It may recover by itself for {policy.cooldown_seconds:g} s.",
        policy,
        now=now,
        until=case.since + policy.cooldown_seconds,
    )


def confirming(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Ask for a quorum, a few rounds long."""
    over = no_case(case) or _gone(case, policy) or held_by(case, mesh, policy)
    if over is not None:
        return over
    incident = service_incident(case, mesh, policy)
    if incident:
        return move("service_wide", incident)
    vote = quorum(case, policy)
    if vote.is_reached:
        return move("quorum_reached", vote.reason, blamed=vote.suspects)
    if vote.suspects and not vote.believed:
        return move("reporter_blamed", _blame(vote), blamed=vote.suspects)
    if elapsed(case, now) < policy.confirm_seconds:
        return stay(
            vote.reason,
            policy,
            now=now,
            until=case.since + policy.confirm_seconds,
            blamed=vote.suspects,
        )
    if case.rounds >= policy.confirm_rounds:
        return move(
            "dismissed",
            f"No quorum in {case.rounds} rounds: {vote.reason}",
            blamed=vote.suspects,
        )
    return move("quorum_missed", vote.reason, blamed=vote.suspects)


def held(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Wait until the cause is over, some quiet has passed, and its cooldown too."""
    over = no_case(case) or _gone(case, policy)
    if over is not None:
        return over
    gates = (kill_switch_gate(case, mesh), *storm_gates(case, mesh, policy))
    causes = forbidding(gates)
    if causes:
        return stay(f"Held. {causes[0].reason}", policy, now=now, gates=gates)
    lifted = mesh.kill_switch_lifted_age_seconds
    if lifted is not None and lifted < policy.held_quiet_seconds:
        return stay(
            f"Held. The kill switch was lifted {max(0.0, lifted):.0f} s ago; "
            f"{policy.held_quiet_seconds:g} s of quiet are needed.",
            policy,
            now=now,
            until=now + policy.held_quiet_seconds - lifted,
            gates=gates,
        )
    opened_at = case.since if case.opened_at is None else case.opened_at
    if now - opened_at < policy.cooldown_seconds:
        return stay(
            "The cause of the hold is over; it may recover by itself yet.",
            policy,
            now=now,
            until=opened_at + policy.cooldown_seconds,
            gates=gates,
        )
    return move("released", "What held it is over: its callers are asked anew.", gates=gates)


def held_by(case: CaseFacts, mesh: MeshFacts, policy: Policy) -> Decision | None:
    """Held, while a kill switch or a storm is on."""
    gates = (kill_switch_gate(case, mesh), *storm_gates(case, mesh, policy))
    causes = forbidding(gates)
    return move("held", causes[0].reason, gates=gates) if causes else None


def _gone(case: CaseFacts, policy: Policy) -> Decision | None:
    if case.removal_asked_by or not is_quiet(case, policy):
        return None
    return move(
        "went_quiet", f"Nobody has seen it failing for {policy.quiet_seconds:g} s: it recovered."
    )


def _blame(vote: Quorum) -> str:
    names = ", ".join(vote.suspects[:3]) + (" and others" if len(vote.suspects) > 3 else "")
    return f"Only {names} report it, and they are at fault themselves as it seems."
