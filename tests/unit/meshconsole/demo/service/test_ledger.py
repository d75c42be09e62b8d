"""An origin knows what it received, exactly, in bounded memory."""

from __future__ import annotations

from meshconsole.demo.service.ledger import MAX_RUNS, Ledger, unpack_run


def test_a_repeated_id_is_named() -> None:
    ledger = Ledger()
    for request_id in ("a-1", "a-2", "a-1", ""):
        ledger.note("GET /x", request_id)
    tally = ledger.tally()
    assert (tally.count, tally.distinct, tally.without_id) == (4, 2, 1)
    assert tally.repeated == ["a-1"]
    assert tally.interfaces == {"GET /x": 4}


def test_the_same_id_on_two_interfaces_is_no_repetition() -> None:
    ledger = Ledger()
    for request_id in ("a-1", "r.1"):
        ledger.note("POST /reserve", request_id)
        ledger.note("POST /price", request_id)
    assert ledger.tally().repeated == []


def test_a_run_is_counted_number_by_number() -> None:
    ledger = Ledger()
    for number in (0, 3, 3, 900):
        ledger.note("GET /x", f"w1.{number}")
    counts = unpack_run(ledger.run("w1")["GET /x"])
    assert {n: c for n, c in enumerate(counts) if c} == {0: 1, 3: 2, 900: 1}
    assert ledger.tally().repeated == ["w1.3"]


def test_memory_is_bounded_whatever_ids_come() -> None:
    ledger = Ledger(window_ids=10)
    for number in range(1000):
        ledger.note("GET /x", f"some-{number}")
        ledger.note("GET /x", f"r{number}.1")
    assert len(ledger._seen) == 10
    assert len(ledger._runs) == MAX_RUNS
    assert ledger.tally().count == 2000


def test_a_number_past_the_limit_takes_the_window() -> None:
    ledger = Ledger()
    ledger.note("GET /x", "r.9999999")
    assert ledger.run("r") == {}
    assert ledger.tally().distinct == 1


def test_reset_forgets() -> None:
    ledger = Ledger()
    ledger.note("GET /x", "r.1")
    ledger.reset()
    assert ledger.tally().count == 0
    assert ledger.run("r") == {}
