"""Write a change down in the same transaction, and check that nobody rewrote the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from meshconsole.audit.chain import START, plain, row_hash
from meshconsole.audit.models import AuditEntry, AuditHead
from meshconsole.core.request import current

HASHED = (
    "sequence", "at", "actor", "verb", "object", "before", "after", "reason", "address",
    "request_id",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """Is the chain whole? When not, the first row where it breaks."""

    whole: bool
    rows: int
    broken_at: int | None = None
    detail: str = ""


def audit_record(
    *,
    actor: str,
    verb: str,
    object: str,
    before: Any = None,
    after: Any = None,
    reason: str = "",
) -> AuditEntry:
    """Add one row to the chain inside the caller's transaction.

    `object` is `kind:name`, such as `route:order`. The head row is locked until commit, so rows
    are chained in the order in which they are committed.
    """
    mark = current()
    with transaction.atomic():
        head = _locked_head()
        entry = AuditEntry(
            sequence=head.sequence + 1,
            at=timezone.now(),
            actor=actor[:200],
            verb=verb[:100],
            object=object[:300],
            before=plain(before),
            after=plain(after),
            reason=reason,
            address=mark.address[:64],
            request_id=mark.id,
            previous_hash=head.hash,
        )
        entry.hash = row_hash(head.hash, {name: getattr(entry, name) for name in HASHED})
        entry.save(force_insert=True)
        AuditHead.objects.filter(pk=1).update(sequence=entry.sequence, hash=entry.hash)
    return entry


def audit_verify() -> Verdict:
    """Walk the whole chain: an edit, a removal, another order or a cut end is found."""
    previous, expected = START, 1
    for entry in AuditEntry.objects.order_by("sequence").iterator(chunk_size=1000):
        if entry.sequence != expected:
            return Verdict(False, expected - 1, expected, "A row is missing.")
        if entry.previous_hash != previous:
            return Verdict(False, expected - 1, expected, "The row does not follow the one before.")
        if entry.hash != row_hash(previous, {name: getattr(entry, name) for name in HASHED}):
            return Verdict(False, expected - 1, expected, "The row was changed.")
        previous, expected = entry.hash, expected + 1
    head = AuditHead.objects.filter(pk=1).first()
    last = (head.sequence, head.hash) if head else (0, START)
    if last != (expected - 1, previous):
        return Verdict(False, expected - 1, expected, "Rows are missing at the end.")
    return Verdict(True, expected - 1)


def _locked_head() -> AuditHead:
    head = AuditHead.objects.select_for_update().filter(pk=1).first()
    if head is None:
        AuditHead.objects.bulk_create([AuditHead(pk=1)], ignore_conflicts=True)
        head = AuditHead.objects.select_for_update().get(pk=1)
    return head
