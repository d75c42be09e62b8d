"""A claim as the row that it is kept as."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from meshconsole.healing.evidence import Claim, KnownInstance
from meshconsole.healing.models import Anomaly, AnomalyReport
from proxy.contract.reports import Ejection


def report_row(
    claim: Claim, subject: KnownInstance, anomaly: Anomaly | None, now: datetime
) -> AnomalyReport:
    """The row of a claim about `subject`; not saved."""
    return AnomalyReport(
        event_id=claim.event_id,
        boot_id=claim.boot_id,
        seq=claim.seq,
        ordinal=claim.ordinal,
        anomaly=anomaly,
        reporter_instance=claim.reporter.instance,
        reporter_app=claim.reporter.app,
        reporter_unit=claim.reporter.unit,
        origin=claim.origin,
        scope=claim.scope,
        subject_instance=subject.instance,
        subject_app=subject.app,
        subject_unit=subject.unit,
        subject_group=subject.group,
        subject_address=subject.address,
        phase=claim.phase,
        rule=claim.rule,
        n=claim.n,
        errors=claim.errors,
        rate=claim.rate,
        lcb=claim.lcb,
        peers=claim.peers,
        ejection=claim.ejection and _kept(claim.ejection),
        interfaces=claim.interfaces,
        samples=claim.samples,
        digest=claim.digest,
        window_start=claim.window_start,
        window_end=claim.window_end,
        received_at=now,
    )


def _kept(ejection: Ejection) -> dict[str, Any]:
    """What of it is not in the row already."""
    return {
        "id": ejection.id,
        "mode": ejection.mode,
        "state": ejection.state,
        "times": ejection.times,
        "since": ejection.since,
        "until": ejection.until,
    }
