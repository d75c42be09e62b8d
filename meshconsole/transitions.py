"""Move a row along its state machine: compare, set, and say whether we won."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models, transaction

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import IllegalTransition
from meshconsole.live.publish import publish_on_commit

Machine = Mapping[tuple[str, str], str]


def next_state(machine: Machine, state: str, event: str) -> str:
    """Where `event` leads from `state`; raises IllegalTransition when it leads nowhere."""
    try:
        return machine[state, event]
    except KeyError:
        raise IllegalTransition(f"{event} is not possible while {state}.") from None


def fire(
    row: models.Model,
    machine: Machine,
    event: str,
    *,
    actor: str,
    reason: str,
    expect: Mapping[str, Any] | None = None,
    **changes: Any,
) -> bool:
    """Return False when somebody else moved the row first; True after moving it.

    A machine that comes back to a state has a version too: name what was read of it in `expect`,
    and raise it in `changes`. The move, its audit row and the browsers' event appear together or
    not at all.
    """
    old = str(getattr(row, "state"))  # noqa: B009
    new = next_state(machine, old, event)
    with transaction.atomic():
        rows = type(row)._default_manager.filter(pk=row.pk, state=old, **(expect or {}))
        if not rows.update(state=new, **changes):
            return False
        row.refresh_from_db()
        name = str(row)
        audit_record(
            actor=actor,
            verb=event,
            object=f"{row._meta.verbose_name}:{name}",
            before={"state": old},
            after={"state": new},
            reason=reason,
        )
        publish_on_commit(
            topic=str(row._meta.verbose_name_plural).replace(" ", "-"),
            kind=event,
            ref=name,
            data={"state": new},
        )
    return True
