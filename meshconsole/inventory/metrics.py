"""The inventory for Prometheus: instances by state, and how far sidecars are in step."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric

from meshconsole.core.errors import Degraded
from meshconsole.inventory import sync
from meshconsole.inventory.models import Instance


def families() -> Iterator[Metric]:
    """Counts by application, never by instance; sync figures are left out without Redis."""
    instances = GaugeMetricFamily(
        "meshconsole_instances", "Instances by state.", labels=["destination_app", "state"]
    )
    rows = Instance.objects.order_by().values_list("application__name", "state")
    for application, state, count in rows.annotate(n=Count("pk")):
        instances.add_metric([application, state], count)
    yield instances
    try:
        got = sync.progress()
    except Degraded:
        return
    sidecars = GaugeMetricFamily(
        "meshconsole_sidecars",
        "Sidecars online, by what they say of the revision.",
        labels=["sync"],
    )
    for name in ("acked", "nacked", "pending"):
        sidecars.add_metric([name], getattr(got, name))
    yield sidecars
    yield GaugeMetricFamily(
        "meshconsole_compiled_revision", "Newest revision that was compiled.", value=got.head
    )
