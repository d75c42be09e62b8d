"""The audit for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from meshconsole.audit.models import AuditHead


def families() -> Iterator[Metric]:
    """How long the chain is."""
    length = AuditHead.objects.filter(pk=1).values_list("sequence", flat=True).first() or 0
    yield CounterMetricFamily("meshconsole_audit_entries", "Rows of the audit.", value=length)
