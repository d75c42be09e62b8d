"""Sums that roll along are those that a count from the beginning gives."""

from __future__ import annotations

from hypothesis import given, strategies as st

from meshconsole.telemetry.reader import Ten, View
from meshconsole.telemetry.store import EdgeKey, decode_edges, encode_edges
from meshconsole.telemetry.tally import Tally
from proxy.contract.reports import LATENCY_BUCKETS

KEYS = [EdgeKey("in", "", "", "", app, "u1", "g1", "GET /", False) for app in "abc"]
COUNTS = st.sampled_from([0, 0, 0, 1, 50])
TALLIES = st.builds(
    Tally,
    requests=COUNTS,
    encrypted=COUNTS,
    errors=st.lists(COUNTS, min_size=4, max_size=4),
    status=st.lists(COUNTS, min_size=5, max_size=5),
    latency=st.one_of(
        st.just([]), st.lists(COUNTS, min_size=LATENCY_BUCKETS, max_size=LATENCY_BUCKETS)
    ),
    bytes_in=COUNTS,
)
BUCKETS = st.dictionaries(st.sampled_from(KEYS), TALLIES, max_size=3)


def ten(at: int, rows: dict[EdgeKey, Tally]) -> Ten[EdgeKey]:
    return Ten(at, [encode_edges(float(at), at + 10.0, rows)], decode_edges)


def totals(view: View[EdgeKey]) -> dict[EdgeKey, tuple[object, ...]]:
    return {
        key: (t.requests, t.encrypted, t.errors, t.status, t.latency or [0] * 17, t.bytes_in)
        for key, t in view.rows.items()
        if not t.is_empty
    }


@given(st.lists(BUCKETS, min_size=1, max_size=12), st.integers(1, 4), st.data())
def test_a_view_that_moved_equals_one_that_begins_there(
    buckets: list[dict[EdgeKey, Tally]], width: int, data: st.DataObject
) -> None:
    tens = {10 * n: ten(10 * n, rows) for n, rows in enumerate(buckets)}
    moved: View[EdgeKey] = View()
    for end in range(width, len(buckets) + width):
        if data.draw(st.booleans()):
            late = data.draw(st.sampled_from(sorted(tens)))
            tens[late] = ten(late, data.draw(BUCKETS))
        wanted = {at: tens[at] for at in range(10 * (end - width), 10 * end, 10) if at in tens}
        moved.move(wanted, 10 * end)
        fresh: View[EdgeKey] = View()
        fresh.move(wanted, 10 * end)
        assert totals(moved) == totals(fresh)
        assert moved.span == fresh.span
