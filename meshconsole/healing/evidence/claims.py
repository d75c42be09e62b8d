"""Reading a sidecar's report with suspicion: what is kept of it, or why it is not believed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from meshconsole.healing.evidence.models import Family, Origin, Scope
from proxy.contract.identity import InstanceIdentity, InvalidIdentity, check_name
from proxy.contract.reports import AnomalyReport, AnomalySample, Ejection, Peers

ERROR_CLASSES = ("connect", "timeout", "5xx", "protocol")
FAMILIES: dict[str, Family] = {
    **dict.fromkeys((*ERROR_CLASSES, "error_rate", "consecutive"), Family.ERRORS),
    "service": Family.ERRORS,
    "reporter": Family.ERRORS,
    "latency": Family.LATENCY,
    "alert": Family.ALERT,
}
"""What may be noticed, and which rules notice the same fault. A name of the reporter's own choice
would be an anomaly of its own, so one sidecar could open any number of them about one instance."""
ALERT = "alert"
"""The rule of those who watch from outside; a sidecar has no such rule."""
INTERFACES_KEPT = 10
SAMPLES_KEPT = 5
FUTURE_SECONDS = 300
_COUNT_LIMIT = 10**9
_LATEST = 32503680000.0
"""The year 3000, epoch seconds; a clock that says more cannot be true."""
_EVENT_ID = re.compile(r"^[\x21-\x7e]{1,128}$")
_DIGEST = re.compile(r"^[0-9a-f]{64}$")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one sidecar sent at once; its identity is proven, the rest is its word."""

    reporter: InstanceIdentity
    boot_id: str
    seq: int
    events: Sequence[AnomalyReport]
    ejections: Sequence[Ejection] | None = None
    """All that are active at the reporter; None when it does not say."""
    said_at: float = 1.0
    """Of what time that is, epoch seconds by its clock."""
    origin: str = Origin.SIDECAR


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A report in decent form: bounded, printable, finite. Not yet compared with inventory."""

    reporter: InstanceIdentity
    boot_id: str
    seq: int
    ordinal: int
    event_id: str
    origin: str
    phase: str
    scope: str
    family: str
    rule: str
    subject_instance: str
    subject_app: str
    n: int
    errors: dict[str, int]
    rate: float
    lcb: float
    peers: dict[str, float] | None
    ejection: Ejection | None
    interfaces: list[str]
    samples: list[dict[str, Any]]
    digest: str
    window_start: datetime
    window_end: datetime

    @property
    def is_failing(self) -> bool:
        """Does it say so, or that it is over?"""
        return self.phase == "failing"


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
    refusal = _rule_doubt(message, report)
    if refusal is not None:
        return refusal
    names = [report.subject.app, report.subject.instance]
    if message.origin != Origin.SIDECAR and report.scope == "service":
        names = names[:1]
    for name in names:
        if not _is_name(name):
            return Refusal(reason="subject", detail=f"{text(name, 80)!r} is not a name.")
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
        origin=message.origin,
        phase=report.phase,
        scope=report.scope,
        family=FAMILIES[report.rule],
        rule=report.rule,
        subject_instance=report.subject.instance,
        subject_app=report.subject.app,
        n=report.n,
        errors={kind: count for kind, count in errors.items() if count},
        rate=_share(report.rate),
        lcb=_share(report.lcb),
        peers=_peers(report.peers),
        ejection=report.ejection if report.ejection and is_decent(report.ejection) else None,
        interfaces=[text(name, 200) for name in report.interfaces[:INTERFACES_KEPT]],
        samples=[_sample(sample) for sample in report.samples[:SAMPLES_KEPT]],
        digest=report.digest if _DIGEST.match(report.digest) else "",
        window_start=datetime.fromtimestamp(report.window_start, UTC),
        window_end=datetime.fromtimestamp(report.window_end, UTC),
    )


def _rule_doubt(message: Message, report: AnomalyReport) -> Refusal | None:
    """A rule that we know, of a reporter that may say it, in the scope that is its own."""
    is_outside = message.origin != Origin.SIDECAR
    if report.rule not in FAMILIES or (report.rule == ALERT and not is_outside):
        return Refusal(reason="rule", detail=f"{text(report.rule, 80)!r} is not a rule.")
    if report.scope not in Scope.values:
        return Refusal(reason="scope", detail="A scope is instance, service or reporter.")
    if is_outside and report.scope == "reporter":
        return Refusal(reason="scope", detail="Who reports from outside calls nobody.")
    if report.rule in ("service", "reporter") and report.scope != report.rule:
        return Refusal(reason="scope", detail=f"The rule {report.rule} has the scope of its name.")
    return None


def is_decent(ejection: Ejection) -> bool:
    """Are its names names, and its numbers numbers?"""
    return (
        all(_is_name(name) for name in (ejection.service, ejection.instance))
        and _EVENT_ID.match(ejection.id) is not None
        and len(ejection.id) <= 64
        and ejection.rule in FAMILIES
        and _is_count(ejection.times)
        and 0 < ejection.since <= _LATEST
        and 0 < ejection.until <= _LATEST
    )


def doubt(claim: Claim, known: dict[str, KnownInstance]) -> Refusal | None:
    """Why inventory speaks against a claim; None when it does not.

    A sidecar speaks of instances that exist, of the application that it names, never of itself;
    of whom it may speak at all is asked elsewhere. Who reports from outside is no instance.
    """
    reporter = claim.reporter.instance
    if claim.origin == Origin.SIDECAR and reporter not in known:
        return Refusal(reason="reporter_unknown", detail=f"Inventory has no instance {reporter!r}.")
    subject = known.get(subject_key(claim))
    if subject is None:
        what = f"instance {claim.subject_instance!r}"
        if not claim.subject_instance:
            what = f"application {claim.subject_app!r}"
        return Refusal(reason="subject_unknown", detail=f"Inventory has no {what}.")
    if subject.app != claim.subject_app:
        return Refusal(
            reason="subject_differs",
            detail=f"{subject.instance} is of {subject.app}, not of {claim.subject_app}.",
        )
    if subject.instance == reporter:
        return Refusal(reason="subject_self", detail="A sidecar does not report of itself.")
    return None


def subject_key(claim: Claim) -> str:
    """Its instance among those known; of a service that an alert names alone, its name."""
    return claim.subject_instance or f"app:{claim.subject_app}"


def text(given: str, limit: int) -> str:
    """Printable text of at most `limit` characters; what is not printable becomes `?`."""
    short = given[:limit]
    return short if short.isprintable() else "".join(c if c.isprintable() else "?" for c in short)


def _share(given: float) -> float:
    """0 to 1; what is no number says nothing."""
    return min(1.0, max(0.0, given)) if math.isfinite(given) else 0.0


def _peers(peers: Peers | None) -> dict[str, float] | None:
    if peers is None or not _is_count(peers.count):
        return None
    return {
        "count": peers.count,
        "median": _share(peers.median),
        "pooled": _share(peers.pooled),
    }


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
