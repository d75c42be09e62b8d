"""Words for what was decided: an ejection and a report, as the contract has them."""

from __future__ import annotations

from typing import Literal

from proxy.contract.reports import AnomalyReport, Ejection, Peers, Scope, Subject
from proxy.healing.ejector import Ejector
from proxy.healing.evidence import Evidence
from proxy.healing.judgement import Reading
from proxy.healing.records import Ejected, Record

NOTHING = Reading(0, 0, (0, 0, 0, 0), 0, 0.0, 0.0)
"""The window of who was not asked."""


def ejection_said(
    ejector: Ejector, record: Record, ejection: Ejected, shift: float
) -> Ejection | None:
    """An ejection; `shift` makes Unix time of the monotonic clock. None where it is off."""
    mode = ejector.terms.mode
    if mode == "off":
        return None
    endpoint = record.stats.endpoint
    return Ejection(
        id=ejection.id,
        service=record.key[0],
        instance=record.key[1],
        address=record.key[2],
        unit=endpoint.unit,
        group=endpoint.group,
        rule=ejection.rule,
        times=ejection.times,
        since=max(0.0, round(ejection.since + shift, 3)),
        until=max(0.0, round(ejection.until + shift, 3)),
        mode=mode,
        state=ejection.state,
    )


def report_of(
    id: str,
    record: Record,
    phase: Literal["failing", "recovered"],
    rule: str,
    *,
    at: float,
    scope: Scope = "instance",
    reading: Reading = NOTHING,
    peers: Peers | None = None,
    ejection: Ejection | None = None,
    evidence: Evidence | None = None,
    digest: str = "",
) -> AnomalyReport:
    """What a caller says at `at` (Unix time) of an endpoint and its window."""
    endpoint = record.stats.endpoint
    return AnomalyReport(
        id=id,
        subject=Subject(
            instance=record.key[1],
            address=record.key[2],
            app=record.key[0],
            unit=endpoint.unit,
            group=endpoint.group,
        ),
        phase=phase,
        rule=rule,
        scope=scope,
        window_start=max(0.0, at - reading.seconds),
        window_end=at,
        n=reading.n,
        errors=reading.classes(),
        rate=round(reading.rate, 6),
        lcb=round(reading.lcb, 6),
        peers=peers,
        ejection=ejection,
        interfaces=tuple(evidence.interfaces) if evidence else (),
        samples=tuple(evidence.samples) if evidence else (),
        digest=digest,
    )
