"""What was done: all of it, or the history of one object."""

from __future__ import annotations

from meshconsole.audit.models import AuditEntry, AuditQuerySet


def entries(*, object: str = "", actor: str = "", verb: str = "", text: str = "") -> AuditQuerySet:
    """Newest first, by any of these; `text` looks into object and reason."""
    rows = AuditEntry.objects.order_by("-sequence")
    filters = {"object": object, "actor": actor, "verb": verb}
    rows = rows.filter(**{name: value for name, value in filters.items() if value})
    if text:
        rows = rows.filter(object__icontains=text) | rows.filter(reason__icontains=text)
    return rows


def history(object: str, limit: int = 50) -> list[AuditEntry]:
    """The newest rows of one object, such as `route:order`."""
    return list(entries(object=object)[:limit])
