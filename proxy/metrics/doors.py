"""What each listener holds, turned away and wrote down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from proxy.listener import Listener
from proxy.metrics.text import Family, Sample, security


def doors_of(doors: Sequence[Listener]) -> Iterator[Family]:
    """The families of these listeners."""
    yield Family(
        "meshproxy_refusals_total",
        "counter",
        "Answers made by the proxy, by response flag.",
        (
            ("", {"listener": door.name, "response_flags": flag}, n)
            for door in doors
            for flag, n in door.refusals.items()
        ),
    )
    yield Family(
        "meshproxy_connections", "gauge", "Connections that are open.", _connections(doors)
    )
    yield _by_listener("connections_accepted_total", "Callers' connections.", doors, _accepted)
    yield _by_listener(
        "connections_turned_away_total", "Closed at once: too many.", doors, _turned_away
    )
    yield _by_listener(
        "requests_in_flight", "Requests under way.", doors, _in_flight, is_gauge=True
    )
    yield _by_listener(
        "retries_refused_total", "Retries that the budget did not allow.", doors, _not_retried
    )
    logged = [door for door in doors if door.access_log is not None]
    yield _by_listener("access_log_dropped_total", "Lines that were lost.", logged, _dropped)
    yield _by_listener("access_log_written_bytes_total", "Bytes of lines.", logged, _written)


def limits_of(doors: Sequence[Listener]) -> Iterator[Family]:
    """The families of their interfaces' limits."""
    meters = [
        ({"listener": door.name, "destination_app": app, "interface": interface}, meter)
        for door in doors
        for (app, interface), meter in door.admission.meters().items()
    ]
    yield Family(
        "meshproxy_limited_total",
        "counter",
        "Requests that were turned away by a limit.",
        (("", labels, meter.rejected) for labels, meter in meters),
    )
    yield Family(
        "meshproxy_limit_current",
        "gauge",
        "The limit of an interface that has one.",
        (
            ("", labels, limit)
            for labels, meter in meters
            if (limit := meter.known_limit) is not None
        ),
    )


def _connections(doors: Sequence[Listener]) -> Iterator[Sample]:
    for door in doors:
        callers = Counter(
            (str(getattr(caller, "protocol", "unknown")), security(caller.encrypted))
            for caller in list(door.callers)
        )
        for (protocol, secured), n in callers.items():
            labels = {"protocol": protocol, "connection_security": secured}
            yield "", {"listener": door.name, "direction": "downstream", **labels}, n
        for n, secured in zip(door.elsewhere, ("none", "mutual_tls"), strict=True):
            if n:
                labels = {"protocol": "unknown", "connection_security": secured}
                yield "", {"listener": door.name, "direction": "downstream", **labels}, n
        upstreams = Counter[tuple[str, str]]()
        for member in door.members():
            for protocol, pool in member.pools.items():
                encrypted = pool.encrypted
                upstreams[protocol, security(True)] += encrypted
                upstreams[protocol, security(False)] += pool.opened - encrypted
        for (protocol, secured), n in upstreams.items():
            labels = {"protocol": protocol, "connection_security": secured}
            yield "", {"listener": door.name, "direction": "upstream", **labels}, n


def _by_listener(
    name: str,
    text: str,
    doors: Sequence[Listener],
    read: Callable[[Listener], float],
    *,
    is_gauge: bool = False,
) -> Family:
    samples = [("", {"listener": door.name}, read(door)) for door in doors]
    return Family(f"meshproxy_{name}", "gauge" if is_gauge else "counter", text, samples)


def _accepted(door: Listener) -> float:
    return door.accepted


def _turned_away(door: Listener) -> float:
    return door.turned_away


def _not_retried(door: Listener) -> float:
    return door.retries_refused


def _in_flight(door: Listener) -> float:
    return door.admission.in_flight


def _dropped(door: Listener) -> float:
    return door.access_log.dropped if door.access_log is not None else 0


def _written(door: Listener) -> float:
    return door.access_log.written_bytes if door.access_log is not None else 0
