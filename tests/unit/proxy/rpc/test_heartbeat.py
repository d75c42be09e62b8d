"""A silent peer is asked, and after three questions without a byte it is believed to be dead."""

from __future__ import annotations

from proxy.rpc.heartbeat import INTERVAL_SECONDS, MISSED_LIMIT, Heartbeat


def test_a_busy_peer_is_not_asked() -> None:
    heartbeat = Heartbeat()
    for tick in range(1000):
        heartbeat.heard()
        assert not heartbeat.due(float(tick))


def test_a_silent_peer_is_asked_once_in_an_interval() -> None:
    heartbeat = Heartbeat()
    asked = [now for now in range(int(INTERVAL_SECONDS * 3)) if heartbeat.due(float(now))]
    assert asked == [INTERVAL_SECONDS, INTERVAL_SECONDS * 2]
    assert not heartbeat.is_dead


def test_it_is_dead_when_enough_went_unanswered() -> None:
    heartbeat = Heartbeat()
    now = 0.0
    heartbeat.due(now)
    for _ in range(MISSED_LIMIT):
        now += INTERVAL_SECONDS
        assert heartbeat.due(now)
        assert not heartbeat.is_dead
    assert heartbeat.due(now + INTERVAL_SECONDS)
    assert heartbeat.is_dead


def test_any_byte_is_an_answer() -> None:
    heartbeat = Heartbeat()
    heartbeat.due(0.0)
    assert heartbeat.due(INTERVAL_SECONDS)
    heartbeat.heard()
    assert not heartbeat.due(INTERVAL_SECONDS * 2)
    assert heartbeat.missed == 0
