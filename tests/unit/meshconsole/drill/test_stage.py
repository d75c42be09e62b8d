"""A drill's verdict is read from what origins counted, id by id."""

from __future__ import annotations

from meshconsole.drill.stage import Counts


def test_what_never_came_and_what_came_twice_do_not_cancel_out() -> None:
    counts = Counts({"order-1": bytes([1, 0, 1]), "order-2": bytes([0, 0, 1, 1])})
    assert counts.judge(range(4)) == (1, 1)


def test_a_repetition_at_one_origin_is_seen() -> None:
    assert Counts({"order-1": bytes([2])}).judge(range(1)) == (0, 1)


def test_numbers_past_what_an_origin_saw_are_lost() -> None:
    assert Counts({"order-1": b""}).judge(range(3)) == (3, 0)


def test_shares_are_counted_by_group_and_only_in_range() -> None:
    counts = Counts({"order-1": bytes([1, 1, 0]), "order-2": bytes([0, 0, 1])})
    groups = {"order-1": "Group_1", "order-2": "Group_2"}
    assert counts.by(groups, range(1, 3)) == {"Group_1": 1, "Group_2": 1}
