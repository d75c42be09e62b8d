"""The hash of a row stands for its content, however a database spells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from meshconsole.audit.chain import START, plain, row_hash


def test_equal_rows_hash_equally_and_others_do_not() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    row = {"at": at, "before": {"a": 1, "b": [1.5]}, "actor": "me"}
    other_zone = row | {"at": at.astimezone(timezone(timedelta(hours=8)))}
    assert row_hash(START, row) == row_hash(START, dict(reversed(other_zone.items())))
    assert row_hash(START, row) != row_hash("1" * 64, row)
    assert row_hash(START, row) != row_hash(START, row | {"actor": "you"})


def test_a_whole_float_is_the_integer_that_jsonb_makes_of_it() -> None:
    assert row_hash(START, {"x": 1.0, "y": 1e20}) == row_hash(START, {"x": 1, "y": 10**20})
    assert plain({"x": (1.0, 2.5), "at": datetime(2026, 1, 1, tzinfo=UTC)}) == {
        "x": [1, 2.5],
        "at": "2026-01-01 00:00:00+00:00",
    }
