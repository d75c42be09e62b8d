"""Ledgers of many sidecars and lives are added up, and measured from a reading."""

from __future__ import annotations

from typing import Any

from meshconsole.telemetry.links import (
    LinkTotals,
    Told,
    encode,
    latest,
    ledger,
    mark,
    since,
    told_of,
)
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import LinkCounts, LinkState
from proxy.contract.session import Links


def edge(app: str = "stock", **numbers: Any) -> LinkCounts:
    given = {"side": "out", "protocol": "http1", **numbers}
    return LinkCounts(app=app, **given)


def told(instance: str, *edges: LinkCounts, boot: str = "b1", at: float = 1.0, **rest: Any) -> Told:
    app = rest.pop("app", "order")
    return Told(instance=instance, app=app, unit="unit1", boot=boot, at=at, edges=edges, **rest)


def test_what_a_span_has_seen_is_the_difference_between_two_readings() -> None:
    begun = mark([told("order-1", edge(started=100, completed=98, in_flight=2))])
    now = [told("order-1", edge(started=150, completed=149, in_flight=1))]
    assert since(now, begun) == LinkTotals(started=50, completed=51, in_flight=1)


def test_a_sidecar_that_restarted_is_counted_over_both_lives() -> None:
    begun = mark([told("order-1", edge(started=10, completed=10))])
    now = [
        told("order-1", edge(started=15, completed=15)),
        told("order-1", edge(started=7, completed=7), boot="b2", at=2.0),
    ]
    assert since(now, begun).completed == 12
    assert latest(now, max(one.at for one in now))["order-1"].boot == "b2"


def test_a_word_of_longer_ago_than_sidecars_repeat_it_is_none() -> None:
    said = [told("order-1", at=100.0), told("order-2", at=130.0)]
    assert set(latest(said, 190.0)) == {"order-1", "order-2"}
    assert set(latest(said, 200.0)) == {"order-2"}


def test_a_span_can_be_of_one_application_or_of_some_instances() -> None:
    now = [
        told("order-1", edge("stock", started=1), edge("cash", started=2)),
        told("order-2", edge("stock", started=4)),
        told("stock-1", edge("order", side="in", started=8), app="stock"),
    ]
    assert since(now, {}, app="stock").started == 1 + 4 + 8
    assert since(now, {}, instances={"order-2"}).started == 4
    assert since(now, {}).started == 15


def test_the_ledger_adds_the_sidecars_of_a_caller_up_by_generation() -> None:
    found = ledger(
        [
            told("order-1", edge(generation="g1", started=3), edge(generation="g2", started=5)),
            told("order-2", edge(generation="g1", started=4, cut=1)),
            told("stock-1", edge("order", side="in", started=9), app="stock"),
        ]
    )
    assert [(one.generation, one.totals.started, one.totals.cut) for one in found] == [
        ("g1", 7, 1),
        ("g2", 5, 0),
    ]
    assert ledger([told("order-1", edge("stock"))], app="cash") == []


def test_what_is_no_longer_told_one_by_one_is_still_counted() -> None:
    rest = LinkCounts(side="in", app="", protocol="tcp", started=2, completed=2)
    assert since([told("order-1", edge(started=1), forgotten=rest)], {}).started == 3


def test_a_ledger_says_how_far_it_is_from_balancing() -> None:
    assert LinkTotals(started=5, completed=2, failed=1, cancelled=1, in_flight=1).unaccounted == 0
    assert LinkTotals(started=5, completed=2).unaccounted == 3


def test_a_message_is_kept_within_bounds_and_under_the_name_of_the_certificate() -> None:
    who = InstanceIdentity(trust_domain="mesh", unit="unit2", app="order", instance="order-7")
    kept = told_of(
        Links(
            at=1.0,
            state=LinkState(reason="r" * 1000, plain_sources=("10.0.0.1",) * 99),
            edges=(edge(), edge("not a name"), edge(generation="g" * 99)),
            forgotten=edge("a" * 10_000, unit="u" * 10_000, generation="g" * 10_000, cut=3),
        ),
        who,
        "b1",
        42.0,
    )
    assert (kept.instance, kept.unit, kept.at) == ("order-7", "unit2", 42.0)
    assert [one.app for one in kept.edges] == ["stock"]
    assert len(kept.state.reason) == 300
    assert len(kept.state.plain_sources) == 32
    assert kept.forgotten is not None
    assert kept.forgotten.cut == 3
    assert len(encode(kept)) < 2_000
