"""The sidecar's own exposition for Prometheus. Labels hold names the console knows, never an id
or a path a caller made up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from proxy.contract.reports import LATENCY_BOUNDS_SECONDS, EdgeWindow
from proxy.listener import Listener
from proxy.member import Member

Labels = dict[str, str]


def exposition(
    totals: Iterable[EdgeWindow], listeners: Iterable[Listener], gauges: dict[str, float]
) -> str:
    """Prometheus text format 0.0.4."""
    edges = [(_labels_of(edge), edge) for edge in totals]
    doors = list(listeners)
    lines = [
        *_family("requests_total", "counter", "Requests that are over.", _requests(edges)),
        *_family(
            "request_errors_total", "counter", "Requests that failed, by class.", _errors(edges)
        ),
        *_family("request_body_bytes_total", "counter", "Body bytes.", _bytes(edges)),
        *_family(
            "request_duration_seconds", "histogram", "From head to last byte.", _latency(edges)
        ),
        *_family("refusals_total", "counter", "Answers made by the proxy.", _refusals(doors)),
        *_family(
            "connections_accepted_total",
            "counter",
            "Callers' connections.",
            (("", {"listener": door.name}, door.accepted) for door in doors),
        ),
        *_family("connections", "gauge", "Connections open now.", _connections(doors)),
        *_family(
            "upstream_overflows_total",
            "counter",
            "Requests that found an endpoint, or the line for it, full.",
            _upstreams(doors, lambda member: member.stats.overflow),
        ),
        *_family(
            "upstream_retries_total",
            "counter",
            "Attempts that were not a request's first.",
            _upstreams(doors, lambda member: member.stats.retries),
        ),
        *_family(
            "upstream_endpoints_unreachable",
            "gauge",
            "Endpoints whose last dial failed.",
            _upstreams(doors, lambda member: bool(member.unreachable)),
        ),
        *_family(
            "retries_refused_total",
            "counter",
            "Retries that the budget did not allow.",
            (("", {"listener": door.name}, door.retries_refused) for door in doors),
        ),
    ]
    for name, value in gauges.items():
        lines += _family(
            name, "gauge", name.replace("_", " ").capitalize() + ".", [("", {}, value)]
        )
    return "\n".join(lines) + "\n"


Sample = tuple[str, Labels, float]
Edges = list[tuple[Labels, EdgeWindow]]


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    full = f"meshproxy_{name}"
    yield f"# HELP {full} {text}"
    yield f"# TYPE {full} {kind}"
    for suffix, labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        yield f"{full}{suffix}{{{inner}}} {value:g}" if inner else f"{full}{suffix} {value:g}"


def _requests(edges: Edges) -> Iterator[Sample]:
    for labels, edge in edges:
        answered = 0
        for status, n in edge.status.items():
            answered += n
            yield "", {**labels, "status": status}, n
        if edge.requests > answered:
            yield "", {**labels, "status": "none"}, edge.requests - answered


def _errors(edges: Edges) -> Iterator[Sample]:
    for labels, edge in edges:
        for error, n in edge.errors.items():
            yield "", {**labels, "class": error}, n


def _bytes(edges: Edges) -> Iterator[Sample]:
    for labels, edge in edges:
        yield "", {**labels, "direction": "in"}, edge.bytes_in
        yield "", {**labels, "direction": "out"}, edge.bytes_out


def _latency(edges: Edges) -> Iterator[Sample]:
    for labels, edge in edges:
        below = 0
        counts = edge.latency or [0] * (len(LATENCY_BOUNDS_SECONDS) + 1)
        for bound, n in zip(LATENCY_BOUNDS_SECONDS, counts, strict=False):
            below += n
            yield "_bucket", {**labels, "le": f"{bound:g}"}, below
        yield "_bucket", {**labels, "le": "+Inf"}, below + counts[-1]
        yield "_sum", labels, edge.latency_sum_seconds
        yield "_count", labels, below + counts[-1]


def _refusals(doors: list[Listener]) -> Iterator[Sample]:
    for door in doors:
        for flag, n in door.refusals.items():
            yield "", {"listener": door.name, "flag": flag}, n


def _connections(doors: list[Listener]) -> Iterator[Sample]:
    for door in doors:
        members = door.members()
        yield "", {"listener": door.name, "side": "callers"}, sum(door.open_callers)
        yield "", {"listener": door.name, "side": "upstreams"}, sum(m.opened for m in members)


def _upstreams(doors: list[Listener], count: Callable[[Member], int]) -> Iterator[Sample]:
    """Sums over the endpoints in force of one application, unit and group."""
    for door in doors:
        sums: dict[tuple[str, str, str], int] = {}
        for member in door.members():
            key = (member.stats.service, member.endpoint.unit, member.endpoint.group)
            sums[key] = sums.get(key, 0) + count(member)
        for (app, unit, group), n in sums.items():
            yield "", {"listener": door.name, "app": app, "unit": unit, "group": group}, n


def _labels_of(edge: EdgeWindow) -> Labels:
    return {
        "side": edge.side,
        "app": edge.app,
        "unit": edge.unit,
        "group": edge.group,
        "interface": edge.interface,
        "encrypted": "true" if edge.encrypted else "false",
    }


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
