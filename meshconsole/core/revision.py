"""One number says "intent changed"; whoever compiles compares, so a lost hint heals itself."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from meshconsole.core.models import Revision
from meshconsole.core.nudge import nudge_on_commit

CHANNEL = "mesh:revision"


def bump() -> int:
    """Raise the revision inside the caller's transaction; the compiler is told after commit."""
    with transaction.atomic():
        if not Revision.objects.filter(pk=1).update(number=F("number") + 1):
            Revision.objects.bulk_create([Revision(pk=1)], ignore_conflicts=True)
            Revision.objects.filter(pk=1).update(number=F("number") + 1)
        number = Revision.objects.values_list("number", flat=True).get(pk=1)
        nudge_on_commit(CHANNEL, str(number))
    return number


def current() -> int:
    """The revision of intent as committed; 0 before the first change."""
    return Revision.objects.filter(pk=1).values_list("number", flat=True).first() or 0
