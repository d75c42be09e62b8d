"""What was done stays done on paper: any change of the past is found."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from rest_framework.test import APIClient

from meshconsole.audit.models import AppendOnly, AuditEntry
from meshconsole.audit.services import audit_record, audit_verify

pytestmark = pytest.mark.django_db


def _some(count: int) -> list[AuditEntry]:
    return [
        audit_record(
            actor="me", verb="change", object=f"thing:{n}", before={"x": n}, after={"x": n + 0.5}
        )
        for n in range(count)
    ]


def _sql(statement: str, *values: int | str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_a_whole_chain_is_whole() -> None:
    assert audit_verify().whole
    first, second, _ = _some(3)
    assert second.previous_hash == first.hash
    verdict = audit_verify()
    assert (verdict.whole, verdict.rows) == (True, 3)


def test_a_row_that_was_rolled_back_leaves_no_gap() -> None:
    _some(1)
    with transaction.atomic():
        _some(1)
        transaction.set_rollback(True)
    _some(1)
    assert audit_verify().rows == 2


def test_python_neither_changes_nor_removes_a_row() -> None:
    (entry,) = _some(1)
    entry.actor = "you"
    for attempt in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(actor="you"),
        lambda: AuditEntry.objects.bulk_create([entry]),
        lambda: AuditEntry.objects.bulk_update([entry], ["actor"]),
    ):
        with pytest.raises(AppendOnly):
            attempt()


def test_a_hundred_random_forgeries_are_each_found() -> None:
    _some(20)
    chance = random.Random(7)
    for _ in range(100):
        row, other = chance.sample(range(1, 21), 2)
        forgeries: list[tuple[str, tuple[int | str, ...]]] = [
            ("UPDATE audit_auditentry SET actor = %s WHERE sequence = %s", ("you", row)),
            ("UPDATE audit_auditentry SET reason = %s WHERE sequence = %s", ("none", row)),
            ("UPDATE audit_auditentry SET after = %s WHERE sequence = %s", ('{"x": 9}', row)),
            ("DELETE FROM audit_auditentry WHERE sequence = %s", (row,)),
            ("DELETE FROM audit_auditentry WHERE sequence >= %s", (row,)),
            (
                "UPDATE audit_auditentry SET sequence = CASE sequence WHEN %s THEN %s ELSE %s END"
                " WHERE sequence = %s",
                (row, 1000 + other, row, row),
            ),
        ]
        with transaction.atomic():
            statement, values = chance.choice(forgeries)
            _sql(statement, *values)
            assert not audit_verify().whole, (statement, values)
            transaction.set_rollback(True)
    assert audit_verify().whole


def test_the_command_says_where_it_breaks() -> None:
    _some(3)
    out = StringIO()
    call_command("audit_verify", stdout=out)
    assert "3 rows is whole" in out.getvalue()
    _sql("UPDATE audit_auditentry SET actor = 'you' WHERE sequence = 2")
    with pytest.raises(CommandError, match="row 2"):
        call_command("audit_verify")


def test_rows_are_found_by_object_and_carry_the_request(api_of: Callable[[str], APIClient]) -> None:
    api = api_of("operator")
    api.post("/api/v1/units", {"name": "unit1"}, headers={"X-Request-ID": "request-1"})
    api.post("/api/v1/units", {"name": "unit2"})
    rows = api.get("/api/v1/audit?object=unit:unit1").json()["results"]
    assert [(row["verb"], row["request_id"]) for row in rows] == [("unit_created", "request-1")]
    assert api.get("/api/v1/audit/verify").json()["whole"] is True
    assert len(api.get("/api/v1/audit?page_size=1").json()["results"]) == 1
