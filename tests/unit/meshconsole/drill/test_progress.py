"""How far a drill is, in a line: by its numbers, or by what is left of it."""

from __future__ import annotations

from meshconsole.drill.ledger import Ledger
from meshconsole.drill.progress import line


def ledger(total: int, done: int) -> Ledger:
    made = Ledger(total)
    made.done = done
    return made


def test_a_run_of_so_many_numbers_says_its_percent() -> None:
    assert line(ledger(200, 50), 12.4) == " 25.0 % of 200, 12/s, 0 failed"


def test_a_run_that_ends_by_something_else_says_what_is_left_and_no_percent() -> None:
    told = line(ledger(8_000_000, 50), 12.4, "3 of 20 switchovers to go")
    assert told == "50 answered, 12/s, 0 failed; 3 of 20 switchovers to go"
