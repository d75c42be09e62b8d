"""Claims as the rows that they are kept as, many at a time.

On PostgreSQL they are copied in: one report costs a tenth of what an insert by way of a model does,
and reports are what this database has to take most of.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection

from meshconsole.healing.evidence.claims import Claim, KnownInstance
from meshconsole.healing.evidence.models import Anomaly, AnomalyReport
from proxy.contract.reports import Ejection

Heard = tuple[Claim, KnownInstance, Anomaly | None]
"""A claim, the instance that it names, and the anomaly that it is evidence of."""
_JSON = frozenset(("errors", "peers", "ejection", "interfaces", "samples"))


def reports_file(heard: Iterable[Heard], now: datetime) -> None:
    """Keep claims as evidence, in the caller's transaction; IntegrityError for one kept before."""
    rows = [_row(claim, subject, anomaly, now) for claim, subject, anomaly in heard]
    if not rows:
        return
    if connection.vendor == "postgresql":
        _copy(rows)
    else:
        AnomalyReport.objects.bulk_create(AnomalyReport(**row) for row in rows)


def _copy(rows: list[dict[str, Any]]) -> None:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(name) for name in rows[0])
    command = f"COPY {quote(AnomalyReport._meta.db_table)} ({columns}) FROM STDIN"
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(command) as copy,
    ):
        for row in rows:
            copy.write_row(
                [
                    json.dumps(value) if name in _JSON and value is not None else value
                    for name, value in row.items()
                ]
            )


def _row(
    claim: Claim, subject: KnownInstance, anomaly: Anomaly | None, now: datetime
) -> dict[str, Any]:
    return {
        "event_id": claim.event_id,
        "boot_id": claim.boot_id,
        "seq": claim.seq,
        "ordinal": claim.ordinal,
        "anomaly_id": anomaly and anomaly.pk,
        "reporter_instance": claim.reporter.instance,
        "reporter_app": claim.reporter.app,
        "reporter_unit": claim.reporter.unit,
        "origin": str(claim.origin),
        "scope": str(claim.scope),
        "subject_instance": subject.instance,
        "subject_app": subject.app,
        "subject_unit": subject.unit,
        "subject_group": subject.group,
        "subject_address": subject.address,
        "phase": claim.phase,
        "rule": claim.rule,
        "n": claim.n,
        "errors": claim.errors,
        "rate": claim.rate,
        "lcb": claim.lcb,
        "peers": claim.peers,
        "ejection": claim.ejection and _kept(claim.ejection),
        "interfaces": claim.interfaces,
        "samples": claim.samples,
        "digest": claim.digest,
        "window_start": claim.window_start,
        "window_end": claim.window_end,
        "received_at": now,
    }


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
