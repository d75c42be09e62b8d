"""What was lost, repeated or mixed is read from counts, never inferred."""

from __future__ import annotations

from meshconsole.drill.ledger import Ledger


def _whole(total: int) -> Ledger:
    ledger = Ledger(total)
    while (number := ledger.take()) is not None:
        ledger.arrived(number, number)
        ledger.answer(number, number)
    return ledger


def test_a_run_in_which_everything_arrived_once_is_whole() -> None:
    ledger = _whole(100)
    assert (ledger.sent, ledger.done, ledger.lost, ledger.repeated, ledger.mixed) == (
        *(100, 100),
        *(0, 0, 0),
    )
    assert ledger.short() == []


def test_what_no_origin_received_or_no_caller_got_answered_is_lost() -> None:
    ledger = _whole(10)
    ledger.received[3] = 0
    ledger.answered[5] = 0
    assert ledger.lost == 2
    assert ledger.short() == ["2 requests were lost"]


def test_what_came_twice_is_repeated_however_often() -> None:
    ledger = _whole(10)
    for _ in range(300):
        ledger.arrived(7, 7)
    assert ledger.repeated == 1


def test_a_number_of_another_request_is_mixed() -> None:
    ledger = _whole(10)
    ledger.arrived(1, 2)
    ledger.arrived(99, 99)
    ledger.answer(3, 4)
    assert ledger.mixed == 3


def test_a_failure_is_said_with_its_reason() -> None:
    ledger = _whole(3)
    ledger.failed("status 503: no")
    assert ledger.values()["failures"] == {"status 503: no": 1}
    assert "1 requests failed" in ledger.short()[0]


def test_enough_is_what_was_sent_so_far() -> None:
    ledger = Ledger(100)
    for number in range(7):
        assert ledger.take() == number
        ledger.arrived(number, number)
    ledger.enough()
    assert (ledger.total, ledger.has_more, ledger.take()) == (7, False, None)
    assert ledger.lost == 7
    for number in range(7):
        ledger.answer(number, number)
    assert ledger.short() == []
