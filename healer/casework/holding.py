"""Who holds what: the case and its instance for a write, and the case for a look."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from meshconsole.core.crashpoints import reached
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.services import Lost
from meshconsole.healing.cases.states import OPEN
from meshconsole.inventory.models import Instance

CLAIM = timedelta(seconds=5)
"""A look takes milliseconds; when whoever looked was killed, another one looks so much later."""
_names: dict[int, str] = {}


def owner() -> str:
    """This process, as leases name it: no other one ever has the same name."""
    pid = os.getpid()
    if pid not in _names:
        _names.clear()
        _names[pid] = f"{socket.gethostname()[:40]}:{pid}:{secrets.token_hex(4)}"
    return _names[pid]


def due(now: datetime, limit: int) -> list[int]:
    """Open cases to be looked at, the longest overdue first."""
    rows = HealingCase.objects.filter(due_at__lte=now, state__in=sorted(OPEN))
    free = rows.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
    return list(free.order_by("due_at").values_list("pk", flat=True)[:limit])


def claimed(pk: int, now: datetime) -> HealingCase | None:
    """The case, if it is due and this caller is the one to look at it."""
    case = HealingCase.objects.filter(pk=pk, due_at__lte=now, state__in=sorted(OPEN)).first()
    if case is None:
        return None
    mine = HealingCase.objects.filter(pk=pk, version=case.version, due_at=case.due_at).filter(
        Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    )
    if not mine.update(lease_owner=owner(), lease_until=now + CLAIM):
        return None
    case.lease_owner, case.lease_until = owner(), now + CLAIM
    reached("case-claimed:after")
    return case


def let_go(case: HealingCase) -> None:
    """Let others look again at once."""
    mine = HealingCase.objects.filter(pk=case.pk, lease_owner=owner(), lease_until=case.lease_until)
    mine.update(lease_owner="", lease_until=None)


@contextmanager
def held(case: HealingCase) -> Iterator[None]:
    """A transaction with the case and its instance locked, in the order in which everybody locks
    them: case, instance, approval, and the audit's head last. Raises Lost."""
    with transaction.atomic():
        rows = HealingCase.objects.select_for_update()
        if rows.filter(pk=case.pk, version=case.version).first() is None:
            raise Lost
        Instance.objects.select_for_update().filter(instance_id=case.instance).first()
        yield
