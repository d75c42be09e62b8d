"""Change one object that somebody may be editing elsewhere: the version decides, once."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from django.db.models import F

from meshconsole.core.errors import PreconditionFailed

Row = TypeVar("Row", bound=models.Model)


def version_check(row: models.Model, expected: int | None, shown: dict[str, Any]) -> None:
    """Raise PreconditionFailed with how it is now, unless `expected` is the row's version."""
    version = getattr(row, "version")  # noqa: B009
    if expected is not None and expected != version:
        raise PreconditionFailed(
            f"{row} is at version {version}, not {expected}: look at it again, then change it.",
            current_state=shown | {"version": version},
        )


def version_save(row: Row, fields: dict[str, Any]) -> Row:
    """Write `fields` and raise the version, if the row is still the one that was read.

    Raises PreconditionFailed when another one was faster.
    """
    version = getattr(row, "version")  # noqa: B009
    for name, value in fields.items():
        setattr(row, name, value)
    row.full_clean(exclude=["version"])
    rows = type(row)._default_manager.filter(pk=row.pk, version=version)
    if not rows.update(**fields, version=F("version") + 1):
        raise PreconditionFailed(f"{row} was changed by somebody else: look at it again.")
    row.refresh_from_db()
    return row
