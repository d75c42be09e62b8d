"""Workers as they are shown: for the admin page, and for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from proxy.workers.hand import Hand

Connections = Callable[[int], int]
"""Callers' connections by the number of a worker."""


def status(hands: Iterable[Hand], connections: Connections) -> list[dict[str, object]]:
    """For the admin page."""
    return [
        {
            "worker": hand.number,
            "pid": hand.pid,
            "state": hand.state,
            "up_seconds": round(hand.up_seconds, 1),
            "revision": hand.swapped,
            "callers": connections(hand.number),
            "restarts": hand.restarts,
            "loop_late_seconds": hand.late_seconds,
        }
        for hand in hands
    ]


def exposition(hands: Iterable[Hand], connections: Connections) -> str:
    """Of each worker, in Prometheus text format."""
    readings: tuple[tuple[str, str, Callable[[Hand], float]], ...] = (
        ("up", "gauge", lambda hand: hand.state == "accepting"),
        ("restarts_total", "counter", lambda hand: hand.restarts),
        ("connections", "gauge", lambda hand: connections(hand.number)),
        ("loop_late_seconds", "gauge", lambda hand: hand.late_seconds),
    )
    return "".join(
        line for name, kind, value in readings for line in _family(hands, name, kind, value)
    )


def _family(
    hands: Iterable[Hand], name: str, kind: str, value: Callable[[Hand], float]
) -> Iterator[str]:
    yield f"# TYPE meshproxy_worker_{name} {kind}\n"
    for hand in hands:
        yield f'meshproxy_worker_{name}{{worker="{hand.number}"}} {value(hand):g}\n'
