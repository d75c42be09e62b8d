"""Waves by the ladder: worked examples of both plans."""

from __future__ import annotations

from meshconsole.rollouts.plan import Seat, ladder, ordered, parts, shares


def seats(count: int, unit: str = "unit1", environment: str = "", app: str = "order") -> list[Seat]:
    return [
        Seat(instance=f"{unit}-{n:03}", application=app, unit=unit, environment=environment)
        for n in range(count)
    ]


def test_nine_instances_in_three_units_take_four_waves() -> None:
    mesh = [*seats(3, "unit1"), *seats(3, "unit2"), *seats(3, "unit3")]
    steps = ladder(mesh)
    assert [(step.share, len(step.instances)) for step in steps] == [
        ("1 instance", 1), ("20%", 1), ("50%", 3), ("100%", 4),
    ]  # fmt: skip
    assert [step.soak_seconds / 60 for step in steps] == [5, 15, 20, 30]
    assert [step.soak_seconds for step in ladder(mesh, soak_scale=0.01)] == [10, 10, 12, 18]


def test_a_thousand_instances_climb_the_whole_ladder() -> None:
    mesh = [*seats(500, "unit1"), *seats(500, "unit2")]
    steps = ladder(mesh)
    assert [(step.share, len(step.instances)) for step in steps] == [
        ("1 instance", 1), ("1%", 9), ("5%", 40), ("20%", 150), ("50%", 300), ("100%", 500),
    ]  # fmt: skip


def test_no_unit_is_taken_whole_before_the_fifth_of_the_plan() -> None:
    mesh = [*seats(2, "a"), *seats(98, "b")]
    first, second, third, *_ = ladder(mesh)
    assert (first.instances, first.share, second.share) == (("a-000",), "1 instance", "5%")
    assert "a-001" not in second.instances
    assert (third.share, "a-001" in third.instances) == ("20%", True)


def test_units_of_one_instance_wait_for_the_fifth_of_the_plan() -> None:
    mesh = [*seats(1, "a"), *seats(1, "b"), *seats(1, "c")]
    steps = ladder(mesh)
    assert [(step.share, len(step.instances)) for step in steps] == [
        ("20%", 1), ("50%", 1), ("100%", 1),
    ]  # fmt: skip


def test_one_instance_is_one_wave_and_none_is_none() -> None:
    (only,) = ladder(seats(1))
    assert (only.share, only.instances) == ("20%", ("unit1-000",))
    assert ladder([]) == []


def test_test_environments_come_first_and_unknown_ones_count_as_production() -> None:
    places = [("u1", "prod"), ("u2", "staging"), ("u0", "Dev"), ("u4", "")]
    mesh = [seat for unit, environment in places for seat in seats(1, unit, environment)]
    assert [seat.unit for seat in ordered(mesh)] == ["u0", "u2", "u1", "u4"]


def test_shares_move_by_parts_of_the_difference() -> None:
    steps = shares({"Group_1": 100, "Group_2": 0}, {"Group_1": 50, "Group_2": 50})
    assert [(step.share, step.split["Group_2"]) for step in steps] == [
        ("1%", 0.5), ("5%", 2.5), ("20%", 10), ("50%", 25), ("100%", 50),
    ]  # fmt: skip
    assert steps[0].soak_seconds == 600


def test_shares_that_hardly_differ_take_few_waves() -> None:
    steps = shares({"a": 50, "b": 50}, {"a": 49.99, "b": 50.01})
    assert [step.split for step in steps] == [{"a": 49.99, "b": 50.01}]
    assert shares({"a": 100}, {"a": 100, "b": 0}) == []


def test_things_taken_whole_go_by_the_same_ladder_and_the_last_soak_longest() -> None:
    assert parts(0) == []
    assert parts(1) == [("100%", 1, 30.0)]
    assert parts(3) == [("1 instance", 1, 5.0), ("50%", 1, 20.0), ("100%", 1, 30.0)]
    assert sum(count for _, count, _ in parts(137)) == 137
