"""While something is done to an instance, and whether it helped."""

from __future__ import annotations

import math

from healer.policy.approving import objection_to
from healer.policy.confirming import held_by
from healer.policy.decision import Decision
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.gates import EVIDENCE, forbidding
from healer.policy.ladder import action_of, next_rung
from healer.policy.parameters import Policy
from healer.policy.planning import plan_again, what_changed
from healer.policy.waiting import elapsed, is_quiet, move, no_case, stay

_Z = 2.58
"""Two-sided 99%: the bound that sidecars judge by."""


def draining(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Wait until it is empty or time is up, then look once more whether all of it still holds.

    A brake that is pulled meanwhile aborts no drain half-way: it ends, and the instance returns.
    Callers are not asked again: who sends it nothing has nothing to say.
    """
    plan, drain = case.plan, case.drain
    is_removal = plan is not None and plan.action == "remove"
    limit = policy.removal_drain_seconds if is_removal else policy.drain_seconds
    is_empty = drain is not None and drain.is_unpublished and drain.in_flight == 0
    if not is_empty and elapsed(case, now) < limit:
        return stay(_flow(case), policy, now=now, until=case.since + limit)
    if not case.is_known:
        return move("evidence_gone", f"{case.subject.instance} is not in the inventory any more.")
    again = None if plan is None else plan_again(case, mesh, policy, now, plan)
    if plan is None or again is None:
        return move("plan_changed", "There is no plan to carry out: the instance returns.")
    difference = objection_to(plan, case.approval, now, is_begun=True) or what_changed(plan, again)
    if difference:
        return move("plan_changed", f"The instance returns: {difference}", gates=again.gates)
    brake = held_by(case, mesh, policy)
    if brake is not None:
        return brake
    causes = forbidding(again.gates, but=EVIDENCE)
    if causes:
        return move("plan_changed", f"The instance returns. {causes[0].reason}", gates=again.gates)
    how = "It is empty." if is_empty else f"{limit:g} s are over."
    return move("drained", how, gates=again.gates, plan=plan)


def acting(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Wait for the actuator's word."""
    step = case.step
    if step is not None and step.state == "succeeded":
        is_removal = case.plan is not None and case.plan.action == "remove"
        said = step.detail or "The actuator is done."
        return move("removed" if is_removal else "acted", said)
    if step is not None and step.state == "failed":
        return move("act_failed", step.detail or "The actuator failed.")
    if elapsed(case, now) >= policy.act_seconds:
        return move("act_failed", f"The actuator was not done after {policy.act_seconds:g} s.")
    return stay("The actuator is at work.", policy, now=now, until=case.since + policy.act_seconds)


def verifying(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Self tests and probes before it gets traffic."""
    checks = case.checks
    tests = 0 if checks is None else checks.self_tests_ok
    probes = 0 if checks is None else checks.probes_ok
    said = (
        f"{tests} of {policy.verify_self_tests} self-tests and {probes} of {policy.verify_probes} "
        "probes passed."
    )
    if tests >= policy.verify_self_tests and probes >= policy.verify_probes:
        return move("verified", said)
    if elapsed(case, now) >= policy.verify_seconds:
        detail = "" if checks is None or not checks.detail else f" {checks.detail}"
        return move("verify_failed", f"{said}{detail}")
    return stay(said, policy, now=now, until=case.since + policy.verify_seconds)


def returning(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Real traffic judges it."""
    traffic = case.traffic
    requests = 0 if traffic is None else traffic.requests
    errors = 0 if traffic is None else min(traffic.errors, requests)
    if traffic is not None and traffic.has_new_ejection:
        return move("relapsed", "Callers found it failing again.")
    spent = elapsed(case, now)
    bound = policy.return_error_rate
    least = error_rate_least(errors, requests)
    said = f"{errors} of {requests} requests failed since it came back."
    is_seen = requests >= policy.return_requests and spent >= policy.return_seconds
    if not is_seen and spent < policy.return_most_seconds:
        return stay(said, policy, now=now, until=case.since + policy.return_most_seconds)
    if least < bound:
        return move("resolved", said)
    return move("relapsed", f"{said} That is {least:.1%} at least; less than {bound:.0%} may be.")


def failed(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Up the ladder, or to a person."""
    rung = None if case.removal_asked_by else next_rung(case, policy)
    if rung is None:
        return move("ladder_ended", "Every rung that is allowed was tried: a person decides.")
    return move("next_rung", f"It did not help: rung {rung} is next, {action_of(rung)}.")


def waiting_for_person(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Escalated, or a fault of the service: it ends when the fault does."""
    is_out = case.drain is not None and case.drain.is_unpublished
    if not case.is_known:
        return no_case(case) or stay("", policy, now=now)
    if is_quiet(case, policy) and not is_out:
        return move("went_quiet", f"Nobody has seen it failing for {policy.quiet_seconds:g} s.")
    return stay("A person decides what is done; healing does nothing more here.", policy, now=now)


def error_rate_least(errors: int, requests: int) -> float:
    """Wilson's lower bound of an error rate, 0 to 1; 0 of nothing."""
    if requests <= 0:
        return 0.0
    share, square = errors / requests, _Z * _Z
    centre = share + square / (2 * requests)
    spread = _Z * math.sqrt((share * (1 - share) + square / (4 * requests)) / requests)
    return max(0.0, (centre - spread) / (1 + square / requests))


def _flow(case: CaseFacts) -> str:
    drain = case.drain
    if drain is None or not drain.is_unpublished:
        return "Callers are told to send it nothing more."
    if drain.in_flight is None:
        return "Nothing is sent to it any more; what is in flight it does not say."
    return f"{drain.in_flight} requests are in flight."
