"""What the audit and browsers hear of an anomaly."""

from __future__ import annotations

from meshconsole.audit.services import audit_record
from meshconsole.healing.evidence.models import Anomaly
from meshconsole.live.publish import publish_on_commit
from proxy.contract.identity import InstanceIdentity


def anomaly_written(anomaly: Anomaly, reporter: InstanceIdentity) -> None:
    """Its first report goes into the audit."""
    audit_record(
        actor=f"sidecar:{reporter.instance}",
        verb="anomaly_opened",
        object=f"anomaly:{anomaly}",
        after={"state": anomaly.state, "application": anomaly.subject_app},
        reason=f"{anomaly.errors_total} failures in its window.",
    )


def anomaly_told(anomaly: Anomaly, kind: str) -> None:
    """Browsers hear of it after the commit; `kind` is a fact, such as `opened`."""
    publish_on_commit(
        topic="anomalies",
        kind=kind,
        ref=str(anomaly),
        data={
            "id": anomaly.pk,
            "state": anomaly.state,
            "instance": anomaly.subject_instance,
            "application": anomaly.subject_app,
            "unit": anomaly.subject_unit,
            "scope": anomaly.scope,
            "rule": anomaly.rule,
            "reporter_count": anomaly.reporter_count,
            "report_count": anomaly.report_count,
        },
    )
