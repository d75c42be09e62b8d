"""Who enters leaves once, and nobody enters beyond a limit."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from proxy.errors import Refusal
from proxy.limiting.admission import METERS_LIMIT, Admission, Meter


def test_a_listener_holds_no_more_than_it_may() -> None:
    admission = Admission(limit=2)
    first = admission.enter("order", "GET /a")
    admission.enter("order", "GET /b")
    with pytest.raises(Refusal) as refused:
        admission.enter("order", "GET /c")
    assert (refused.value.status, refused.value.flag) == (503, "UO")
    first.leave()
    admission.enter("order", "GET /c")


def test_an_interface_has_a_limit_of_its_own_and_lowering_it_touches_nobody_inside() -> None:
    admission = Admission(limit=100)
    meter = admission.meter("order", "GET /a")
    inside = [admission.enter("order", "GET /a") for _ in range(3)]
    meter.limit = 1
    with pytest.raises(Refusal) as refused:
        admission.enter("order", "GET /a")
    assert (refused.value.status, refused.value.flag) == (429, "RL")
    admission.enter("order", "GET /b").leave()
    for one in inside:
        one.leave()
    admission.enter("order", "GET /a").leave()
    assert (meter.in_flight, meter.admitted, meter.rejected) == (0, 4, 1)


def test_strange_interfaces_share_one_meter_when_there_are_too_many() -> None:
    admission = Admission(limit=METERS_LIMIT * 2)
    for n in range(METERS_LIMIT + 10):
        admission.enter("order", f"GET /{n}")
    assert len(admission.meters()) == METERS_LIMIT + 1
    assert admission.meter("other", "other").in_flight == 10


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_the_counts_balance_whatever_the_order(steps: list[tuple[str, bool]]) -> None:
    admission = Admission(limit=5)
    inside: list[Meter] = []
    for interface, enters in steps:
        if enters:
            try:
                inside.append(admission.enter("s", interface))
            except Refusal:
                assert len(inside) == 5
        elif inside:
            inside.pop(0).leave()
        assert admission.in_flight == len(inside) <= 5
        assert sum(meter.in_flight for meter in admission.meters().values()) == len(inside)
    for meter in inside:
        meter.leave()
    assert admission.in_flight == 0
