"""One wins a move, the others lose quietly, and a move that is not drawn is a loud fault."""

from __future__ import annotations

import pytest

from meshconsole.audit.models import AuditEntry
from meshconsole.core.errors import Conflict, IllegalTransition
from meshconsole.inventory.models import Instance
from meshconsole.inventory.services import instance_drain
from meshconsole.inventory.states import TRANSITIONS, InstanceEvent
from meshconsole.live.models import LiveEvent
from meshconsole.transitions import fire
from tests.factories import an_instance

pytestmark = pytest.mark.django_db


def test_a_move_leaves_one_audit_row_and_one_event() -> None:
    row = an_instance()
    assert fire(row, TRANSITIONS, InstanceEvent.DRAIN_ASKED, actor="me", reason="disk")
    assert row.state == "draining"
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.object, entry.reason) == ("drain_asked", "instance:order-1", "disk")
    event = LiveEvent.objects.get()
    assert (event.topic, event.kind, event.data) == (
        "instances",
        "drain_asked",
        {"state": "draining"},
    )


def test_the_second_of_two_loses_quietly() -> None:
    an_instance()
    mine, theirs = Instance.objects.get(), Instance.objects.get()
    assert fire(mine, TRANSITIONS, InstanceEvent.DRAIN_ASKED, actor="me", reason="")
    assert not fire(theirs, TRANSITIONS, InstanceEvent.DRAIN_ASKED, actor="you", reason="")
    assert AuditEntry.objects.get().actor == "me"
    stale = Instance.objects.get()
    stale.state = "serving"
    with pytest.raises(Conflict, match="look again"):
        instance_drain(stale, actor="you", reason="")


def test_a_move_that_is_not_drawn_is_refused() -> None:
    row = an_instance(state="gone")
    with pytest.raises(IllegalTransition, match="drain_asked is not possible while gone"):
        fire(row, TRANSITIONS, InstanceEvent.DRAIN_ASKED, actor="me", reason="")
