"""Whoever is silent for a minute is gone, but never most of an application at once."""

from __future__ import annotations

from meshconsole.discovery.leases import LEASE_SECONDS, Leased, fresh_ends, may_reap, reap

NOW = 10_000.0


def leased(app: str, count: int, since: float = 0.0) -> dict[str, Leased]:
    return {f"{app}-{number}": Leased(app, since) for number in range(count)}


def test_an_ended_lease_is_gone_and_a_running_one_is_not() -> None:
    ends = {"order-0": NOW - 1, "order-1": NOW + 1, "order-2": NOW + 60}
    assert reap(leased("order", 3), ends, NOW).gone == ("order-0",)


def test_no_lease_at_all_is_an_ended_one() -> None:
    ends = {"order-1": NOW + 1, "order-2": NOW + 1}
    assert reap(leased("order", 3), ends, NOW).gone == ("order-0",)


def test_a_newcomer_has_time_to_be_heard() -> None:
    young = leased("order", 1, since=NOW - LEASE_SECONDS + 1)
    assert reap(young, {}, NOW).gone == ()


def test_most_of_an_application_at_once_is_spared() -> None:
    verdict = reap(leased("order", 3), {"order-0": NOW + 1}, NOW)
    assert verdict.gone == ()
    assert verdict.spared == {"order": ("order-1", "order-2")}


def test_half_of_an_application_may_go_and_so_may_a_single_instance() -> None:
    assert reap(leased("order", 2), {"order-0": NOW + 1}, NOW).gone == ("order-1",)
    assert reap(leased("order", 1), {}, NOW).gone == ("order-0",)
    assert len(reap(leased("order", 4), fresh_ends(["order-0", "order-1"], NOW), NOW).gone) == 2


def test_one_application_that_is_spared_does_not_spare_another() -> None:
    verdict = reap(leased("order", 4) | leased("stock", 1), {}, NOW)
    assert verdict.gone == ("stock-0",)
    assert list(verdict.spared) == ["order"]


def test_nobody_is_judged_by_a_store_or_a_leader_younger_than_a_lease() -> None:
    old = NOW - LEASE_SECONDS
    assert may_reap(now=NOW, store_since=old, leading_since=old)
    assert not may_reap(now=NOW, store_since=old + 1, leading_since=old)
    assert not may_reap(now=NOW, store_since=old, leading_since=old + 1)
