"""Reading a sidecar's report with suspicion: what is kept of it, or why it is not believed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from proxy.contract.identity import InstanceIdentity, InvalidIdentity, check_name
from proxy.contract.reports import AnomalyReport, AnomalySample

ERROR_CLASSES = ("connect", "timeout", "5xx", "protocol")
RULES = frozenset(ERROR_CLASSES)
"""What may be noticed. A name of the reporter's own choice would be an anomaly of its own, so one
sidecar could open any number of them about one instance."""
INTERFACES_KEPT = 10
SAMPLES_KEPT = 5
FUTURE_SECONDS = 300
_COUNT_LIMIT = 10**9
_EVENT_ID = re.compile(r"^[\x21-\x7e]{1,128}$")
_DIGEST = re.compile(r"^[0-9a-f]{64}$")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one sidecar sent at once; its identity is proven, the rest is its word."""

    reporter: InstanceIdentity
    boot_id: str
    seq: int
    events: Sequence[AnomalyReport]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A report in decent form: bounded, printable, finite. Not yet compared with inventory."""

    reporter: InstanceIdentity
    boot_id: str
    seq: int
    ordinal: int
    event_id: str
    phase: str
    rule: str
    subject_instance: str
    subject_app: str
    n: int
    errors: dict[str, int]
    interfaces: list[str]
    samples: list[dict[str, Any]]
    digest: str
    window_start: datetime
    window_end: datetime


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a report is not believed: a stable code, and a sentence."""

    reason: str
    detail: str


class KnownInstance(msgspec.Struct, frozen=True, kw_only=True):
    """What inventory says of an instance; it is believed rather than the report."""

    instance: str
    app: str
    unit: str
    group: str
    address: str


def claim_of(message: Message, ordinal: int, *, now: datetime) -> Claim | Refusal:
    """Read the report at a place of a message."""
    report = message.events[ordinal]
    if not _EVENT_ID.match(report.id):
        return Refusal(reason="id", detail="The report's id is not 1 to 128 printable letters.")
    if report.phase not in ("failing", "recovered"):
        return Refusal(reason="phase", detail="A phase is failing or recovered.")
    if report.rule not in RULES:
        return Refusal(reason="rule", detail=f"{text(report.rule, 80)!r} is not a rule.")
    for what, name in (
        ("subject", report.subject.instance),
        ("subject", report.subject.app),
    ):
        if not _is_name(name):
            return Refusal(reason=what, detail=f"{text(name, 80)!r} is not a name.")
    if not _is_window(report.window_start, report.window_end, now):
        return Refusal(reason="window", detail="The window's times cannot be true.")
    errors = {kind: report.errors.get(kind, 0) for kind in ERROR_CLASSES}  # type: ignore[call-overload]
    if not all(_is_count(count) for count in (report.n, *errors.values())):
        return Refusal(reason="counts", detail="The counts cannot be true.")
    return Claim(
        reporter=message.reporter,
        boot_id=text(message.boot_id, 64),
        seq=message.seq,
        ordinal=ordinal,
        event_id=report.id,
        phase=report.phase,
        rule=report.rule,
        subject_instance=report.subject.instance,
        subject_app=report.subject.app,
        n=report.n,
        errors={kind: count for kind, count in errors.items() if count},
        interfaces=[text(name, 200) for name in report.interfaces[:INTERFACES_KEPT]],
        samples=[_sample(sample) for sample in report.samples[:SAMPLES_KEPT]],
        digest=report.digest if _DIGEST.match(report.digest) else "",
        window_start=datetime.fromtimestamp(report.window_start, UTC),
        window_end=datetime.fromtimestamp(report.window_end, UTC),
    )


def doubt(claim: Claim, known: dict[str, KnownInstance]) -> Refusal | None:
    """Why inventory speaks against a claim; None when it does not.

    A sidecar speaks of instances that exist, of the application that it names, never of itself.
    """
    reporter = claim.reporter.instance
    if reporter not in known:
        return Refusal(reason="reporter_unknown", detail=f"Inventory has no instance {reporter!r}.")
    subject = known.get(claim.subject_instance)
    if subject is None:
        return Refusal(
            reason="subject_unknown",
            detail=f"Inventory has no instance {claim.subject_instance!r}.",
        )
    if subject.app != claim.subject_app:
        return Refusal(
            reason="subject_differs",
            detail=f"{subject.instance} is of {subject.app}, not of {claim.subject_app}.",
        )
    if subject.instance == reporter:
        return Refusal(reason="subject_self", detail="A sidecar does not report of itself.")
    return None


def text(given: str, limit: int) -> str:
    """Printable text of at most `limit` characters; what is not printable becomes `?`."""
    return "".join(c if c.isprintable() else "?" for c in given[:limit])


def _sample(sample: AnomalySample) -> dict[str, Any]:
    elapsed = sample.elapsed_seconds
    return {
        "error": sample.error if sample.error in ERROR_CLASSES else "protocol",
        "detail": text(sample.detail, 300),
        "elapsed_seconds": elapsed if math.isfinite(elapsed) and 0 <= elapsed < 1e6 else 0.0,
        "trace_id": text(sample.trace_id, 64),
    }


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except InvalidIdentity:
        return False
    return True


def _is_count(count: object) -> bool:
    return isinstance(count, int) and 0 <= count <= _COUNT_LIMIT


def _is_window(start: float, end: float, now: datetime) -> bool:
    if not (math.isfinite(start) and math.isfinite(end)):
        return False
    return 0 < start <= end <= now.timestamp() + FUTURE_SECONDS
