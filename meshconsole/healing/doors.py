"""Reports that come over HTTP: whose they are, how many one account may send, what became of each.

An account is one reporter, whatever its events call themselves: several tokens of one person are
one voice. Nothing that comes in here proves which instance speaks, so it may propose and never
counts towards a quorum (`Origin`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, Literal

import msgspec

from meshconsole.core.errors import FieldFault, Invalid, TooMany
from meshconsole.core.quota import Quotas
from meshconsole.healing.evidence.alertmanager import (
    Alert,
    delivery_read,
    report_of,
    reporter_of,
)
from meshconsole.healing.evidence.claims import Message, Refusal
from meshconsole.healing.evidence.cloudevents import EVENTS_LIMIT, Event, Fault, event_read
from meshconsole.healing.evidence.judging import Judgement
from meshconsole.healing.evidence.models import Origin
from meshconsole.healing.evidence.quarantine import quarantine
from meshconsole.healing.services import messages_take
from meshconsole.inventory.models import Application, Instance
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport, Subject

RATE_PER_SECOND, BURST = 5.0, 100.0
EVENTS_PER_TOKEN = 8
_quotas = Quotas(rate=RATE_PER_SECOND, burst=BURST)
Status = Literal["stored", "repeated", "refused"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event or alert."""

    id: str
    """The event's own id, or the alert's fingerprint."""
    status: Status
    code: str = ""
    """Why it was refused."""
    detail: str = ""
    pointer: str = ""
    """Where in what was sent."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all of them."""

    stored: int
    repeated: int
    """Kept before: nothing was changed."""
    refused: int
    results: list[Outcome]


def account_of(username: str, key: str) -> str:
    """The name under which an account reports; a long one is told by its key."""
    return f"api:{username}" if len(username) <= 50 else f"api:{key}"


def quota_take(account: str, events: int = 0) -> None:
    """Count a request with so many events; raises TooMany over the account's quota."""
    wait = _quotas.take(account, time.monotonic(), 1 + events / EVENTS_PER_TOKEN)
    if wait:
        seconds = ceil(wait)
        detail = f"You report too much: send it again in {seconds} s, many events in one request."
        raise TooMany(detail, retry_after_seconds=seconds)


def malformed_count(account: str, detail: str, *, now: datetime) -> None:
    """Count a body that could not be read."""
    quarantine([(_reporter(account), Refusal(reason="malformed", detail=detail))], now)


def events_take(given: Any, *, account: str, now: datetime) -> Taken:
    """Take a batch in; good events of it are kept whatever the others are.

    Raises Invalid when it is no batch, or when nothing of it can be kept.
    """
    batch = given if isinstance(given, list) else [given]
    if not 0 < len(batch) <= EVENTS_LIMIT:
        raise Invalid(f"A batch is a list of 1 to {EVENTS_LIMIT} events: send it in parts.")
    quota_take(account, len(batch))
    events = [event_read(one, account) for one in batch]
    reports = [event.report for event in events if event.report is not None]
    message = _message(_reporter(account), reports, Origin.API)
    judged = messages_take([message], now=now)
    faults = [event.fault for event in events if event.fault is not None]
    _quarantine_faults(account, faults, now)
    return _answer([_outcome(event, at, judged) for at, event in enumerate(events)])


def alerts_take(given: Any, *, account: str, now: datetime) -> Taken:
    """Take a delivery of Alertmanager in; raises Invalid when it is none.

    Alerts that are about nothing here are told as refused, and are no error: Alertmanager would
    send the whole delivery again.
    """
    delivery = delivery_read(given)
    if isinstance(delivery, Fault):
        _quarantine_faults(account, [delivery], now)
        fault = FieldFault(pointer=delivery.pointer, detail=delivery.detail)
        raise Invalid(delivery.detail, errors=[fault])
    quota_take(account, len(delivery.alerts))
    read = [report_of(one, _find, account=account, now=now) for one in delivery.alerts]
    messages = [
        _message(_reporter(account, reporter_of(alert)), [report], Origin.ALERTMANAGER)
        for alert, report in zip(delivery.alerts, read, strict=True)
        if isinstance(report, AnomalyReport)
    ]
    judged = messages_take(messages, now=now)
    _quarantine_faults(account, [one for one in read if isinstance(one, Fault)], now)
    return _summed(
        [
            _outcome(_event(alert, report), at, judged)
            for at, (alert, report) in enumerate(zip(delivery.alerts, read, strict=True))
        ]
    )


def _event(alert: Alert, read: AnomalyReport | Fault) -> Event:
    id = alert.fingerprint[:128]
    return Event(id=id, fault=read) if isinstance(read, Fault) else Event(id=id, report=read)


def _find(instance: str, app: str) -> Subject | None:
    """By id, by address, by the host of it if only one has it; else the application."""
    if instance:
        rows = Instance.objects.open().named_parts()
        host = instance.rpartition(":")[0] or instance
        for found in (
            rows.filter(instance_id=instance[:63])[:2],
            rows.filter(address=instance[:260])[:2],
            rows.filter(address__startswith=f"{host[:250]}:")[:2],
        ):
            of_app = [row for row in found if not app or row.application.name == app]
            if len(of_app) == 1:
                row = of_app[0]
                return Subject(
                    instance=row.instance_id,
                    address=row.address,
                    app=row.application.name,
                    unit=row.unit.name,
                )
    if app and Application.objects.filter(name=app[:63]).exists():
        return Subject(instance="", address="", app=app, unit="")
    return None


def _reporter(account: str, name: str = "") -> InstanceIdentity:
    return InstanceIdentity(trust_domain="", unit="", app=account[:63], instance=name or account)


def _message(
    reporter: InstanceIdentity, reports: Sequence[AnomalyReport], origin: Origin
) -> Message:
    return Message(reporter=reporter, boot_id="", seq=0, events=reports, origin=origin)


def _quarantine_faults(account: str, faults: Sequence[Fault], now: datetime) -> None:
    reporter = _reporter(account)
    refused = [
        (reporter, Refusal(reason=fault.code, detail=f"{fault.pointer}: {fault.detail}"))
        for fault in faults
    ]
    if refused:
        quarantine(refused, now)


def _outcome(event: Event, at: int, judged: Judgement) -> Outcome:
    if event.fault is not None:
        fault = event.fault
        return Outcome(
            id=event.id,
            status="refused",
            code=fault.code,
            detail=fault.detail,
            pointer=f"/{at}{fault.pointer}",
        )
    name = event.report.id if event.report else ""
    refusal = judged.reasons.get(name)
    if refusal is not None:
        return Outcome(
            id=event.id,
            status="refused",
            code=refusal.reason,
            detail=refusal.detail,
            pointer=f"/{at}",
        )
    return Outcome(id=event.id, status="repeated" if name in judged.repeated else "stored")


def _answer(results: list[Outcome]) -> Taken:
    taken = _summed(results)
    if taken.refused == len(results):
        errors = [FieldFault(pointer=one.pointer, detail=one.detail) for one in results]
        raise Invalid("No event of the batch can be kept; see errors.", errors=errors)
    return taken


def _summed(results: list[Outcome]) -> Taken:
    counts: Mapping[Status, int] = {
        status: sum(one.status == status for one in results)
        for status in ("stored", "repeated", "refused")
    }
    return Taken(
        stored=counts["stored"],
        repeated=counts["repeated"],
        refused=counts["refused"],
        results=results,
    )
