"""A share is taken while there is so much, and what is here already always has one."""

from __future__ import annotations

from proxy.rpc.reserve import Reserve


def test_a_share_is_had_while_there_is_so_much() -> None:
    reserve = Reserve(100)
    assert reserve.take(60)
    assert not reserve.take(41)
    assert reserve.take(40)
    reserve.give(60)
    assert reserve.take(60)


def test_what_is_held_already_has_a_share_and_keeps_others_waiting() -> None:
    reserve = Reserve(100)
    assert reserve.hold(150) == 150
    assert not reserve.take(1)
    reserve.give(150)
    assert reserve.take(100)
