"""The ledger balances whatever happens, stays small, and loses no number."""

from __future__ import annotations

from hypothesis import given, strategies as st

from proxy.contract.reports import LinkCounts
from proxy.links.account import COUNTERS, PLAIN, Account, Closing, End
from proxy.links.ledger import Ledger, Told, imbalance_of

ENDS: list[End] = ["completed", "failed", "cancelled", "cut"]
CLOSINGS: list[Closing] = ["clean", "by_peer", "hard"]


class Connection:
    """Carries requests, and says how many."""

    def __init__(self) -> None:
        self.under_way = 0


def _served(account: Account, requests: int = 1) -> None:
    connection = Connection()
    account.joined(connection)
    account.started += requests
    account.ended("completed", requests)
    account.left(connection, "clean")


def _sum(rows: list[LinkCounts], name: str) -> int:
    return sum(getattr(row, name) for row in rows)


def _all(told: Told) -> list[LinkCounts]:
    return [*told.edges, *([told.forgotten] if told.forgotten else [])]


def test_what_is_under_way_is_asked_of_the_connections_and_not_computed() -> None:
    account = Ledger().endpoint("stock", "u", "s1", "http1", PLAIN, False)
    connection = Connection()
    account.joined(connection)
    account.started += 2
    connection.under_way = 2
    assert (account.in_flight, account.imbalance) == (2, 0)
    connection.under_way = 1
    assert account.imbalance == 1, "somebody forgot to count an end"
    account.ended("failed")
    assert account.imbalance == 0


def test_a_connection_leaves_once() -> None:
    account = Ledger().endpoint("stock", "u", "s1", "tcp", PLAIN, False)
    connection = Connection()
    account.joined(connection)
    account.left(connection, "hard")
    account.left(connection, "clean")
    counts = account.counts()
    assert (counts.opened, counts.closed_hard, counts.closed_clean) == (1, 1, 0)


def test_the_same_row_is_the_same_account() -> None:
    ledger = Ledger()
    one = ledger.endpoint("stock", "u", "s1", "http2", "g1", True)
    assert ledger.endpoint("stock", "u", "s1", "http2", "g1", True) is one
    assert ledger.endpoint("stock", "u", "s1", "http2", "g2", True) is not one
    assert (one.generation, one.encrypted) == ("g1", True)


def test_callers_without_a_certificate_have_no_name_and_a_plain_generation() -> None:
    row = Ledger().caller("", "", "http1", False).counts()
    assert (row.side, row.app, row.generation, row.encrypted) == ("in", "", PLAIN, False)


def test_old_rows_become_one_sum_and_nothing_is_lost() -> None:
    ledger = Ledger(rows=4)
    for turn in range(20):
        _served(ledger.endpoint("stock", "u", f"s{turn}", "http1", PLAIN, False), requests=turn)
    told = ledger.told()
    assert [row.instance for row in told.edges] == ["s16", "s17", "s18", "s19"]
    assert told.forgotten is not None
    assert told.forgotten.completed == sum(range(16))
    assert _sum(_all(told), "started") == sum(range(20))
    assert told.imbalance == 0


def test_a_row_with_an_open_connection_is_not_forgotten_for_good() -> None:
    ledger = Ledger(rows=2)
    old = ledger.endpoint("stock", "u", "old", "http2", PLAIN, False)
    connection = Connection()
    old.joined(connection)
    for turn in range(5):
        _served(ledger.endpoint("stock", "u", f"s{turn}", "http1", PLAIN, False))
    old.started += 1
    connection.under_way = 1
    told = ledger.told()
    assert told.imbalance == 0
    assert _sum(_all(told), "in_flight") == 1
    assert ledger.endpoint("stock", "u", "old", "http2", PLAIN, False) is old


def test_sums_by_peer_do_not_fall_when_rows_are_forgotten() -> None:
    ledger = Ledger(rows=2)
    seen = 0
    for turn in range(10):
        _served(ledger.endpoint("stock", "u", f"s{turn}", "http1", PLAIN, False))
        now = sum(row.started for row in ledger.sums() if (row.app, row.protocol) != ("", ""))
        assert now == seen + 1
        seen = now


def test_workers_add_up_and_one_that_dies_has_cut_what_it_had_under_way() -> None:
    workers, parent = [Ledger(), Ledger()], Ledger()
    connection = Connection()
    for ledger in workers:
        _served(ledger.endpoint("stock", "u", "s1", "http1", PLAIN, False), requests=3)
    busy = workers[1].endpoint("stock", "u", "s1", "http1", PLAIN, False)
    busy.joined(connection)
    busy.started += 1
    connection.under_way = 1
    for number, ledger in enumerate(workers):
        parent.take(number, ledger.told())
    (row,) = parent.told().edges
    assert (row.started, row.completed, row.in_flight, row.cut) == (7, 6, 1, 0)
    parent.lost(1)
    (row,) = parent.told().edges
    assert (row.started, row.completed, row.in_flight, row.cut) == (7, 6, 0, 1)
    assert (row.opened, row.closed_clean, row.closed_hard) == (3, 2, 1)
    parent.lost(0)
    parent.take(0, Ledger().told())
    (row,) = parent.told().edges
    assert (row.started, row.completed, row.cut) == (7, 6, 1)


Event = tuple[str, int, int]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["open", "begin", *ENDS, *CLOSINGS, "told"]),
            st.integers(0, 11),
            st.integers(0, 7),
        ),
        max_size=120,
    ),
    st.integers(1, 4),
)
def test_it_balances_after_any_order_of_events(events: list[Event], rows: int) -> None:
    ledger = Ledger(rows)
    opened: list[tuple[Account, Connection]] = []
    begun = dict.fromkeys(COUNTERS, 0)
    for what, row, which in events:
        if what == "open":
            account = ledger.endpoint("stock", "u", f"s{row}", "http2", f"g{row % 3}", True)
            connection = Connection()
            account.joined(connection)
            opened.append((account, connection))
            begun["opened"] += 1
        elif opened:
            account, connection = opened[which % len(opened)]
            if what == "begin":
                account.started += 1
                connection.under_way += 1
                begun["started"] += 1
            elif what in ENDS and connection.under_way:
                end = ENDS[ENDS.index(what)]
                connection.under_way -= 1
                account.ended(end)
                begun[end] += 1
            elif what in CLOSINGS:
                how = CLOSINGS[CLOSINGS.index(what)]
                begun["cut"] += connection.under_way
                account.ended("cut", connection.under_way)
                connection.under_way = 0
                account.left(connection, how)
                opened.remove((account, connection))
        told = ledger.told()
        assert len(told.edges) <= rows
        assert all(imbalance_of(each) == 0 for each in _all(told))
        for name in ("opened", "started", *ENDS):
            assert _sum(_all(told), name) == begun[name]
