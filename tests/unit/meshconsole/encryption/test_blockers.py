"""What keeps an application from being strict is said with its number, nothing overlooked."""

from __future__ import annotations

import pytest

from meshconsole.encryption.blockers import (
    Blocker,
    PlainCaller,
    UnableCaller,
    blockers,
    refused,
    unknown,
)
from proxy.contract.reports import LinkState
from proxy.contract.snapshot import TlsMode

READY = LinkState(mode="preferred", ready=True)


def found(
    modes: dict[str, TlsMode] | None = None,
    states: dict[str, LinkState] | None = None,
    callers: tuple[PlainCaller, ...] = (),
    unable: tuple[UnableCaller, ...] = (),
) -> list[Blocker]:
    return blockers(
        "order",
        modes if modes is not None else {"order-1": "preferred"},
        states=states if states is not None else {"order-1": READY},
        callers=callers,
        unable=unable,
    )


def test_nothing_is_in_the_way_of_ready_instances_that_only_see_tls() -> None:
    assert found() == []


@pytest.mark.parametrize("mode", ["plaintext", "permissive"])
def test_an_instance_that_offers_no_tls_is_in_the_way(mode: TlsMode) -> None:
    (blocker,) = found({"order-1": mode})
    assert (blocker.kind, blocker.instance) == ("mode", "order-1")
    assert "make it preferred first" in blocker.sentence


def test_an_instance_that_is_strict_already_blocks_nothing_whatever_it_says() -> None:
    assert found({"order-1": "strict"}, {}) == []


def test_an_instance_that_never_spoke_or_is_not_ready_is_in_the_way_with_its_reason() -> None:
    (silent,) = found(states={})
    assert silent.kind == "not_ready"
    (failing,) = found(states={"order-1": LinkState(reason="Its certificate has ended.")})
    assert failing.sentence == "order-1 cannot prove itself: Its certificate has ended."


def test_open_connections_in_plaintext_are_counted_with_where_they_come_from() -> None:
    state = LinkState(ready=True, plain_connections=2, plain_sources=("10.0.0.9",))
    (blocker,) = found(states={"order-1": state})
    assert (blocker.kind, blocker.count) == ("plain_connections", 2)
    assert blocker.sentence == "order-1 has 2 connections in plaintext open, from 10.0.0.9."


def test_what_strict_refused_is_told_with_where_the_latest_came_from() -> None:
    assert refused("order-1", LinkState(mode="strict")) == ""
    sources = tuple(f"10.0.0.{n}" for n in range(5))
    state = LinkState(mode="strict", plain_refused=1200, plain_sources=sources)
    assert refused("order-1", state) == (
        "order-1 has refused plaintext 1,200 times since it started, "
        "the latest from 10.0.0.4, 10.0.0.3, 10.0.0.2."
    )


def test_callers_in_plaintext_are_named_also_those_from_outside() -> None:
    inside, outside = found(callers=(PlainCaller("gateway", 1), PlainCaller("", 1200)))
    assert (inside.caller, inside.count) == ("gateway", 1)
    assert inside.sentence.startswith("gateway sent 1 request in plaintext to order")
    assert outside.sentence.startswith("Callers from outside of the mesh sent 1,200 requests")


def test_a_caller_that_cannot_speak_tls_is_named_with_why() -> None:
    (blocker,) = found(unable=(UnableCaller("gateway", "gateway-1", "it has no sidecar."),))
    assert blocker.sentence.endswith("cannot speak TLS: it has no sidecar.")


def test_what_is_not_known_blocks() -> None:
    assert unknown("order").kind == "unknown"
