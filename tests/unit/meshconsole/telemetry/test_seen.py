"""Report numbers are taken once, in any order."""

from __future__ import annotations

from hypothesis import given, strategies as st

from meshconsole.telemetry.seen import INTERVALS_KEPT, Seen


def test_numbers_in_order_are_one_interval() -> None:
    seen = Seen()
    assert all(seen.add(seq) for seq in range(1, 1000))
    assert seen.encode() == "1-999"
    assert not seen.add(500)


def test_a_gap_is_filled_by_the_late_one() -> None:
    seen = Seen()
    assert [seen.add(seq) for seq in (1, 3, 2, 2)] == [True, True, True, False]
    assert seen.encode() == "1-3"


def test_gaps_are_bounded_and_the_lowest_close_first() -> None:
    seen = Seen()
    for seq in range(0, 4 * INTERVALS_KEPT, 2):
        seen.add(seq)
    assert len(seen.encode().split(",")) == INTERVALS_KEPT
    assert not seen.add(1)
    assert seen.add(4 * INTERVALS_KEPT - 3)


def test_what_cannot_be_read_is_nothing_seen() -> None:
    assert Seen.decode("1-x").encode() == ""
    assert Seen.decode("").encode() == ""


@given(st.lists(st.integers(min_value=0, max_value=40)))
def test_each_number_is_new_exactly_once(numbers: list[int]) -> None:
    seen = Seen()
    fresh = [seq for seq in numbers if seen.add(seq)]
    assert sorted(fresh) == sorted(set(numbers))
    assert Seen.decode(seen.encode()).encode() == seen.encode()


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_joined_memories_know_what_both_knew(ours: set[int], theirs: set[int]) -> None:
    one, other = Seen(), Seen()
    for seq in ours:
        one.add(seq)
    for seq in theirs:
        other.add(seq)
    one.join(other)
    assert [one.add(seq) for seq in range(31)] == [seq not in ours | theirs for seq in range(31)]
