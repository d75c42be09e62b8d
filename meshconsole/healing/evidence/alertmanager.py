"""Alertmanager's webhook, version 4: what its alerts are about, in the words of a report.

Pure. An alert names an instance by the label `instance`, which is the id of one or the address that
Prometheus scraped, or only an application by the label `app`. The fingerprint tells alerts apart:
the same one that fires again renews what is known of it, and one that is resolved ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from meshconsole.healing.evidence.claims import ALERT
from meshconsole.healing.evidence.cloudevents import Fault, event_id
from proxy.contract.reports import AnomalyReport, AnomalySample, Subject

VERSION = "4"
ALERTS_LIMIT = 200
REPEAT_SECONDS = 900
"""The same alert that comes again so soon is a delivery that was tried again."""
_APP_LABELS = ("app", "application", "app_kubernetes_io_name")
_SUMMARIES = ("summary", "description", "message")


class Alert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of an alert that is looked at."""

    status: str
    fingerprint: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: datetime


class Delivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A webhook's body."""

    version: str
    alerts: list[Alert]
    truncated_alerts: int = 0


Find = Callable[[str, str], Subject | None]
"""`(instance, app)`, as labelled: whom inventory knows by it."""


def delivery_read(given: object) -> Delivery | Fault:
    """Read a body that was JSON."""
    try:
        delivery = msgspec.convert(given, Delivery)
    except msgspec.ValidationError as error:
        return Fault("", "body", f"This is not a delivery of Alertmanager: {error}.")
    if delivery.version != VERSION:
        return Fault("/version", "version", f"Webhooks of version {VERSION!r} are understood.")
    if len(delivery.alerts) > ALERTS_LIMIT:
        detail = f"At most {ALERTS_LIMIT} alerts at once: set max_alerts of the webhook."
        return Fault("/alerts", "alerts", detail)
    return delivery


def report_of(alert: Alert, find: Find, *, account: str, now: datetime) -> AnomalyReport | Fault:
    """An alert as a report about whom `find` knows by its labels."""
    if alert.status not in ("firing", "resolved"):
        return Fault("/status", "status", "status is firing or resolved.")
    app = next((alert.labels[name] for name in _APP_LABELS if alert.labels.get(name)), "")
    subject = find(alert.labels.get("instance", ""), app)
    if subject is None:
        detail = "Neither the label instance nor app names anything in the inventory."
        return Fault("/labels", "alert_unmapped", detail)
    start = min(_aware(alert.starts_at), now)
    # Deliveries come in order, and two clocks would not agree on when it was resolved.
    turn = str(int(now.timestamp()) // REPEAT_SECONDS)
    return AnomalyReport(
        id=event_id(account, alert.fingerprint, alert.status, start.isoformat(), turn),
        subject=subject,
        phase="failing" if alert.status == "firing" else "recovered",
        rule=ALERT,
        scope="instance" if subject.instance else "service",
        window_start=start.timestamp(),
        window_end=now.timestamp(),
        n=0,
        samples=(AnomalySample(error="protocol", detail=_summary(alert)),),
    )


def reporter_of(alert: Alert) -> str:
    """Each alert is a witness of its own, so that one that is resolved ends no other."""
    kept = "".join(c for c in alert.fingerprint[:32] if c.isascii() and c.isalnum())
    return f"alert:{kept}"


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _summary(alert: Alert) -> str:
    name = alert.labels.get("alertname", "alert")
    said = next((alert.annotations[key] for key in _SUMMARIES if alert.annotations.get(key)), "")
    return f"{name}: {said}" if said else name
