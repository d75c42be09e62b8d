"""Whether it is the service that fails and not one of its instances: then a restart helps nobody.

Half of the instances failing at once are a bad release, a dead dependency or too little capacity.
Restarting them one by one takes more away from what is left.
"""

from __future__ import annotations

from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.parameters import Policy
from healer.policy.quorum import is_suspect

_WITNESSES = 2


def service_incident(case: CaseFacts, mesh: MeshFacts, policy: Policy) -> str:
    """Why the service as a whole is at fault, in a sentence; empty when it is not."""
    limited = mesh.limited.get(case.subject.app, 0.0)
    if limited >= policy.limiter_share:
        return (
            f"{limited:.0%} of {case.subject.app} limit their load: it lacks capacity, and a "
            "restart would take more of it. Add capacity, or send load to a fallback group."
        )
    ill, n = under_report(case, policy), case.n_instances
    is_large = n >= policy.incident_large_instances
    if n > 1 and (
        ill > policy.incident_share * n
        or (is_large and ill >= policy.incident_large_share * n - 1e-9)
    ):
        return (
            f"{ill} of {n} instances of {case.subject.app} are reported failing: this is a fault "
            f"of the service. {_advice(case, mesh)}"
        )
    said = _believed(case, policy, case.service_reporters)
    needed = max(_WITNESSES, -int(-policy.quorum_share * case.callers_active // 1))
    if len(said) >= needed:
        return (
            f"{len(said)} callers find all of {case.subject.app} failing, not one instance. "
            f"{_advice(case, mesh)}"
        )
    return ""


def under_report(case: CaseFacts, policy: Policy) -> int:
    """Instances of the service that callers who are believed say fail; two where there are two."""
    needed = min(_WITNESSES, max(1, case.callers_active))
    return sum(len(_believed(case, policy, one.reporters)) >= needed for one in case.accused)


def _believed(case: CaseFacts, policy: Policy, reporters: tuple[str, ...]) -> set[str]:
    doubted = {one.reporter for one in case.reports if one.is_external or is_suspect(one, policy)}
    return set(reporters) - doubted


def _advice(case: CaseFacts, mesh: MeshFacts) -> str:
    near = next((one for one in mesh.changes if one.app == case.subject.app and one.app), None)
    if near is not None:
        return f"Look at {near.kind} {near.ref} first: it changed {near.app} shortly before."
    return "Add capacity, use a fallback group, or revert what was changed."
