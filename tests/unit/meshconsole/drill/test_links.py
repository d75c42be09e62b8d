"""The sidecars' ledgers are added up over both directions and held against their promises."""

from __future__ import annotations

from typing import Any

from meshconsole.drill.links import account_of
from meshconsole.telemetry.links import Told
from proxy.contract.reports import LinkCounts, LinkState


def an_edge(*, encrypted: bool, generation: str = "", **counts: Any) -> LinkCounts:
    return LinkCounts(
        side="out", app="orders", protocol="http1", encrypted=encrypted, generation=generation,
        **counts,
    )  # fmt: skip


def told(*edges: LinkCounts, **fields: Any) -> dict[str, Told]:
    one = Told(instance="near", app="shop", unit="unit1", boot="b", at=1.0, edges=edges, **fields)
    return {"near": one}


def test_a_balanced_ledger_with_both_kinds_is_nothing_to_say_of() -> None:
    account = account_of(
        told(
            an_edge(encrypted=False, started=5, completed=5),
            an_edge(encrypted=True, generation="g", started=7, completed=6, cancelled=1),
            forgotten=an_edge(encrypted=False, started=2, completed=2),
            state=LinkState(fallen_back=1),
        )
    )
    assert account.short() == []
    assert account.is_quiet
    assert (account.whole.started, account.generations, account.fallen_back) == (14, 2, 1)


def test_each_broken_promise_is_named_with_its_count() -> None:
    account = account_of(
        told(an_edge(encrypted=True, started=9, completed=4, failed=1, cut=1, in_flight=2))
    )
    assert not account.is_quiet
    assert account.short() == [
        "1 of 9 are cut by the sidecars' ledgers",
        "1 of 9 are failed by the sidecars' ledgers",
        "2 of 9 are still in flight by the sidecars' ledgers",
        "1 of 9 are not accounted for by the sidecars' ledgers",
        "not both plaintext and TLS carried requests",
    ]


def test_nobody_has_said_anything() -> None:
    assert not account_of({}).is_quiet
