"""Which kinds of slow callers there are, and what is held against a proxy that bears them."""

from __future__ import annotations

from meshconsole.drill.crowd import Crowd
from meshconsole.drill.slowness import HEAD_SECONDS, HELLO_BEGINS, IDLE_SECONDS, kinds
from proxy.settings import Limits

PLAIN, ENCRYPTED = 1, 2
TLS_HANDSHAKE = 22


def _crowd() -> Crowd:
    return Crowd(kinds(PLAIN, ENCRYPTED)[1], 10)


def test_there_are_five_kinds_and_only_the_handshake_goes_to_the_encrypted_door() -> None:
    found = kinds(PLAIN, ENCRYPTED)
    assert len({kind.name for kind in found}) == 5
    assert [kind.name for kind in found if kind.port == ENCRYPTED] == ["handshake"]
    assert HELLO_BEGINS[0] == TLS_HANDSHAKE


def test_a_crowd_that_was_ended_as_it_should_be_is_no_fault() -> None:
    crowd = _crowd()
    crowd.ends["408"] = 10
    crowd.longest = crowd.kind.within
    assert crowd.short() == []


def test_an_end_by_another_word_is_a_fault() -> None:
    crowd = _crowd()
    crowd.ends["closed"] = 3
    assert crowd.short() == ["3 of kind 'head' ended as 'closed', not as ('408',)"]


def test_a_caller_that_was_held_for_too_long_is_a_fault() -> None:
    crowd = _crowd()
    crowd.longest = crowd.kind.within + 1
    assert crowd.short() == [f"one of kind 'head' was held for {crowd.longest:.1f} s"]


def test_a_proxy_allows_as_much_time_as_the_drill_believes() -> None:
    limits = Limits()
    assert (limits.head_seconds, limits.idle_seconds) == (HEAD_SECONDS, IDLE_SECONDS)
