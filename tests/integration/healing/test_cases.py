"""A case is opened once per instance, and moved by one of those who would move it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from meshconsole.audit.models import AuditEntry
from meshconsole.core.errors import IllegalTransition
from meshconsole.healing.cases.services import (
    Lost,
    Subject,
    case_move,
    cases_open,
    entries_take,
    entry_add,
    fence_raise,
)
from meshconsole.healing.cases.states import CaseEvent, CaseState
from meshconsole.healing.models import CaseEntry, HealingCase
from meshconsole.live.models import LiveEvent

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ORDER = Subject(instance="order-1", app="order", unit="unit1", address="10.0.0.7:80")
STOCK = Subject(instance="stock-1", app="stock", unit="unit1")


def a_case(subject: Subject = ORDER) -> HealingCase:
    return cases_open([subject], now=NOW)[0]


def taken_up(case: HealingCase) -> HealingCase:
    case_move(case, CaseEvent.TAKEN_UP, actor="healer", reason="It begins.", now=NOW)
    return case


def test_a_case_is_opened_with_its_line_its_audit_row_and_its_event() -> None:
    case = a_case()
    assert (case.state, case.version, case.due_at) == (CaseState.OBSERVED, 1, NOW)
    assert [(entry.event, entry.after) for entry in case.entries.all()] == [("opened", "observed")]
    audited = AuditEntry.objects.get(verb="case_opened")
    assert audited.object == f"case:{case.pk}"
    told = LiveEvent.objects.get(topic="cases")
    assert (told.kind, told.ref, told.data["instance"]) == ("opened", str(case.pk), "order-1")


def test_an_instance_has_one_open_case() -> None:
    assert len(cases_open([ORDER, STOCK, ORDER], now=NOW)) == 2
    assert cases_open([ORDER, STOCK], now=NOW) == []
    with pytest.raises(IntegrityError), transaction.atomic():
        HealingCase.objects.create(
            instance="order-1", app="order", unit="unit1", since=NOW, opened_at=NOW, due_at=NOW
        )


def test_a_fault_that_comes_back_is_another_case() -> None:
    case = taken_up(a_case())
    case_move(case, CaseEvent.WENT_QUIET, actor="healer", reason="Quiet.", now=NOW)
    assert (case.state, case.outcome, case.closed_at, case.due_at) == (
        "recovered", "recovered", NOW, None,
    )  # fmt: skip
    assert len(cases_open([ORDER], now=NOW)) == 1


def test_what_was_dismissed_is_not_opened_again_by_the_same_reports() -> None:
    case_move(a_case(), CaseEvent.DISMISSED, actor="ops", reason="Known.", now=NOW)
    assert cases_open([ORDER], now=NOW + timedelta(minutes=14)) == []
    assert len(cases_open([ORDER], now=NOW + timedelta(minutes=16))) == 1


def test_a_move_leaves_a_line_an_audit_row_and_an_event() -> None:
    due = NOW + timedelta(seconds=180)
    case = a_case()
    case_move(
        case, CaseEvent.TAKEN_UP, actor="healer", reason="It begins.", now=NOW, due_at=due,
        data={"round": 0},
    )  # fmt: skip
    assert (case.state, case.version, case.due_at, case.note) == ("cooling", 2, due, "It begins.")
    line = case.entries.last()
    assert line is not None
    assert (line.before, line.after, line.version, line.data) == (
        "observed", "cooling", 2, {"round": 0},
    )  # fmt: skip
    audited = AuditEntry.objects.get(verb="taken_up")
    assert (audited.before, audited.after) == ({"state": "observed"}, {"state": "cooling"})
    assert LiveEvent.objects.filter(topic="cases", kind="taken_up").count() == 1


def test_who_read_an_older_version_has_lost_and_writes_nothing() -> None:
    case = a_case()
    other = HealingCase.objects.get(pk=case.pk)
    taken_up(case)
    with pytest.raises(Lost):
        case_move(other, CaseEvent.DISMISSED, actor="ops", reason="No.", now=NOW)
    assert HealingCase.objects.get(pk=case.pk).state == CaseState.COOLING
    assert not CaseEntry.objects.filter(event="dismissed").exists()
    assert not AuditEntry.objects.filter(verb="dismissed").exists()


def test_a_case_that_came_back_to_a_state_is_not_moved_by_who_saw_it_there_before() -> None:
    case = taken_up(a_case())
    case_move(case, CaseEvent.COOLED_DOWN, actor="healer", reason="", now=NOW)
    old = HealingCase.objects.get(pk=case.pk)
    case_move(case, CaseEvent.QUORUM_MISSED, actor="healer", reason="", now=NOW, rounds=1)
    case_move(case, CaseEvent.COOLED_DOWN, actor="healer", reason="", now=NOW)
    assert old.state == case.state
    with pytest.raises(Lost):
        case_move(old, CaseEvent.QUORUM_REACHED, actor="healer", reason="", now=NOW)


def test_an_event_that_the_state_does_not_know_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="approved is not possible while observed"):
        case_move(a_case(), CaseEvent.APPROVED, actor="ops", reason="", now=NOW)


def test_a_held_case_remembers_where_it_was() -> None:
    case = taken_up(a_case())
    case_move(case, CaseEvent.HELD, actor="healer", reason="A storm.", now=NOW)
    assert (case.state, case.held_from) == ("held", "cooling")
    case_move(case, CaseEvent.RELEASED, actor="healer", reason="Over.", now=NOW)
    assert (case.state, case.held_from) == ("confirming", "")


def test_each_line_is_told_once_in_order() -> None:
    case = taken_up(a_case())
    with transaction.atomic():
        assert [entry.event for entry in entries_take(now=NOW)] == ["opened", "taken_up"]
    entry_add(case, "probed", actor="healer", reason="It answers.", now=NOW)
    with transaction.atomic():
        assert [entry.event for entry in entries_take(now=NOW)] == ["probed"]
        assert entries_take(now=NOW) == []


def test_a_line_of_a_timeline_is_never_changed() -> None:
    line = a_case().entries.get()
    line.reason = "Something else."
    with pytest.raises(TypeError):
        line.save()


def test_a_fence_only_grows() -> None:
    numbers = [fence_raise() for _ in range(3)]
    assert numbers == [1, 2, 3]
