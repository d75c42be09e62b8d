"""Everybody has a turn, whoever says much."""

from __future__ import annotations

from meshconsole.discovery.fair import FairQueue


def a_queue(**fields: int) -> FairQueue[str]:
    return FairQueue(**({"each_limit": 100, "limit": 1000} | fields))


def test_a_neighbour_of_one_who_says_much_is_in_the_next_batch() -> None:
    queue = a_queue()
    for number in range(50):
        queue.put("loud", f"loud-{number}", 64)
    queue.put("quiet", "quiet-0", 1)
    assert queue.take(100) == ["loud-0", "quiet-0", "loud-1"]
    assert len(queue) == 48


def test_what_one_puts_in_comes_out_in_order() -> None:
    queue = a_queue()
    for number in range(6):
        queue.put("ab"[number % 2], str(number), 1)
    assert queue.take(3) + queue.take(9) == ["0", "1", "2", "3", "4", "5"]
    assert queue.take(9) == []
    assert not queue


def test_it_is_bounded_for_each_and_in_all() -> None:
    queue = a_queue(each_limit=2, limit=3)
    for number in range(2):
        queue.put("a", str(number), 1)
    assert not queue.has_room("a")
    assert queue.has_room("b")
    queue.put("b", "2", 1)
    assert not queue.has_room("c")


def test_something_heavier_than_a_batch_goes_alone() -> None:
    queue = a_queue()
    queue.put("a", "heavy", 500)
    queue.put("b", "light", 1)
    assert queue.take(10) == ["heavy"]
    assert queue.take(10) == ["light"]
