"""Whether enough callers say so, and who of them is believed.

One report is no evidence: a caller may be broken, cut off, or lie. So distinct reporter *instances*
are counted, at least `max(2, ceil(0.3 x callers))`, and they must have carried as large a share of
the subject's requests, so that a few that hardly call it cannot outvote the others. Where callers
come from two units, reporters must too: what one unit alone sees is the way from that unit. Who is
reported itself, or reports half the mesh, is a suspect and does not count. A lone caller needs the
healer's own failing probe besides; and where the probe finds the instance well, its accusers must
have carried more than half of its requests, which liars who are few cannot.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from healer.policy.facts import CaseFacts, ReporterFact
from healer.policy.parameters import Policy


class Quorum(msgspec.Struct, frozen=True, kw_only=True):
    """How the votes stand."""

    is_reached: bool
    credit: float
    """Of those that are believed; a network alarm in its unit halves one."""
    needed: int
    share: float
    """Of the subject's requests that they carried, 0 to 1."""
    believed: tuple[str, ...]
    suspects: tuple[str, ...]
    reason: str


def quorum(case: CaseFacts, policy: Policy) -> Quorum:
    """The vote on the subject by what is fresh of its reports."""
    fresh = _fresh(case.reports, policy)
    suspects = tuple(sorted(one.reporter for one in fresh if is_suspect(one, policy)))
    believed = [one for one in fresh if one.reporter not in suspects and _calls(one, case)]
    callers = max(case.callers_active, len(believed))
    needed = 1 if callers <= 1 else max(policy.quorum_least, _ceil(policy.quorum_share * callers))
    credit = sum(_credit(one, policy) for one in believed)
    share = _share(believed, callers, case, policy)
    missing = _missing(case, policy, believed, callers=callers, credit=credit, share=share)
    said = f"{_number(credit)} of {needed} reporters needed, with {share:.0%} of its requests"
    return Quorum(
        is_reached=not missing,
        credit=credit,
        needed=needed,
        share=share,
        believed=tuple(sorted(one.reporter for one in believed)),
        suspects=suspects,
        reason=f"{said}; {missing}." if missing else f"{said}.",
    )


def is_suspect(report: ReporterFact, policy: Policy) -> bool:
    """Is it likelier that the reporter is at fault than what it reports?"""
    sees_it_everywhere = (
        report.accused_instances >= policy.suspect_instances
        and report.accused_services >= policy.suspect_services
    )
    return report.is_accused or sees_it_everywhere


def _fresh(reports: Iterable[ReporterFact], policy: Policy) -> list[ReporterFact]:
    """One per reporter, of those that say now that the subject fails."""
    newest: dict[str, ReporterFact] = {}
    for one in sorted(reports, key=lambda one: one.age_seconds, reverse=True):
        newest[one.reporter] = one
    return [
        one
        for one in newest.values()
        if (one.is_failing or one.has_ejected)
        and one.age_seconds <= policy.evidence_seconds
        and not one.is_external
    ]


def _calls(report: ReporterFact, case: CaseFacts) -> bool:
    """Did it send the subject anything? Nobody's traffic known, everybody may have."""
    return not _is_weighed(case) or bool(report.weight)


def _is_weighed(case: CaseFacts) -> bool:
    return any(one.weight for one in case.reports)


def _credit(report: ReporterFact, policy: Policy) -> float:
    return policy.alarm_credit if report.has_network_alarm else 1.0


def _share(believed: list[ReporterFact], callers: int, case: CaseFacts, policy: Policy) -> float:
    def weight(report: ReporterFact) -> float:
        if _is_weighed(case):
            return max(0.0, report.weight or 0.0)
        return 1 / max(1, callers)

    return min(1.0, sum(weight(one) * _credit(one, policy) for one in believed))


def _missing(
    case: CaseFacts,
    policy: Policy,
    believed: list[ReporterFact],
    *,
    callers: int,
    credit: float,
    share: float,
) -> str:
    """What a quorum lacks, in words; empty when nothing."""
    if not believed:
        return "nobody who is believed says that it fails"
    if callers <= 1:
        return _lone(case, policy)
    if credit < max(policy.quorum_least, _ceil(policy.quorum_share * callers)):
        return f"too few of {callers} callers"
    if share + 1e-9 < policy.quorum_share:
        return f"they carried less than {policy.quorum_share:.0%} of its requests"
    if case.caller_units >= 2 and len({one.unit for one in believed}) < 2:
        return (
            f"all of them are in unit {believed[0].unit}, and callers of other units do not say so"
        )
    if is_well(case, policy) and share <= policy.contested_share:
        return (
            "the healer's own probe finds it well, and accusers with "
            f"{policy.contested_share:.0%} of its requests or less do not outweigh that"
        )
    return ""


def _lone(case: CaseFacts, policy: Policy) -> str:
    probe = case.probe
    if probe is None or probe.age_seconds > policy.evidence_seconds:
        return "it has one caller only, and the healer's own probe has not answered yet"
    return "it has one caller only, and the healer's own probe finds it well" if probe.is_ok else ""


def is_well(case: CaseFacts, policy: Policy) -> bool:
    """Does a probe of ours that is fresh find the subject well?"""
    probe = case.probe
    return probe is not None and probe.is_ok and probe.age_seconds <= policy.evidence_seconds


def is_probed_failing(case: CaseFacts, policy: Policy) -> bool:
    """Does a probe of ours that is fresh fail?"""
    probe = case.probe
    return probe is not None and not probe.is_ok and probe.age_seconds <= policy.evidence_seconds


def _ceil(value: float) -> int:
    return math.ceil(value - 1e-9)


def _number(value: float) -> str:
    return f"{value:g}"
