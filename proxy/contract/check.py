"""Is a snapshot consistent in itself? Asked by the console before it serves and by the sidecar
before it swaps."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from proxy.contract.snapshot import MESH, HealingTerms, Inbound, Route, Service, Snapshot, Trust

_PERCENT_TOLERANCE = 0.005
HASH_ON_PATTERN = r"^(?:(?:header|cookie):[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}|path|caller|)$"
"""What a consistent hash may keep together; empty is each request by itself."""
RETRIES_LIMIT = 10
RETRY_STATUSES = (502, 503, 504)
SLOW_START_LIMIT_SECONDS = 3600.0
HEALING_BOUNDS: dict[str, tuple[float, float]] = {
    "min_requests": (5, 1000),
    "error_floor": (0.01, 1.0),
    "peer_lead": (0.01, 1.0),
    "peer_ratio": (1.0, 100.0),
    "consecutive": (0, 100),
    "max_out_share": (0.0, 0.5),
    "min_left_share": (0.5, 1.0),
    "base_seconds": (1.0, 300.0),
    "max_seconds": (1.0, 3600.0),
    "probes": (1, 100),
    "slow_start_seconds": (0.0, 600.0),
    "weight_factor": (0.01, 1.0),
    "latency_ratio": (1.5, 100.0),
    "latency_floor_seconds": (0.001, 60.0),
}
"""The numbers of `HealingTerms`, from least to most. No setting lets more than half be out."""


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong: where (JSON pointer), a stable code, and a sentence."""

    path: str
    code: str
    msg: str


def check(snapshot: Snapshot) -> list[Fault]:
    """Every fault of the snapshot; an empty list means that it may be served and swapped in."""
    return [
        *(fault for name, service in snapshot.service.items() for fault in _service(name, service)),
        *(
            fault
            for name, route in snapshot.route.items()
            for fault in _route(name, route, snapshot)
        ),
        *(fault for name, inbound in snapshot.inbound.items() for fault in _inbound(name, inbound)),
        *(fault for name, trust in snapshot.trust.items() for fault in _trust(name, trust)),
        *(fault for name, terms in snapshot.healing.items() for fault in _healing(name, terms)),
    ]


def _service(name: str, service: Service) -> Iterator[Fault]:
    path = f"/service/{name}"
    if service.name != name:
        yield Fault(path, "name_differs", f"The service calls itself {service.name!r}.")
    seen: set[str] = set()
    for at, endpoint in enumerate(service.endpoints):
        here = f"{path}/endpoints/{at}"
        if endpoint.id in seen:
            yield Fault(here, "endpoint_twice", f"Endpoint {endpoint.id!r} is listed twice.")
        seen.add(endpoint.id)
        if endpoint.group not in service.groups:
            yield Fault(
                here, "group_missing", f"Group {endpoint.group!r} is not a group of {name!r}."
            )
        if not _is_address(endpoint.addr):
            yield Fault(here, "address", f"{endpoint.addr!r} is not host:port.")
        if endpoint.weight < 0:
            yield Fault(here, "weight", "A weight is 0 or more.")
    for field in ("connect_timeout_seconds", "request_timeout_seconds", "idle_timeout_seconds"):
        if not getattr(service, field) > 0:
            yield Fault(f"{path}/{field}", "timeout", "A timeout is more than 0 seconds.")
    yield from _trying(path, service)


def _trying(path: str, service: Service) -> Iterator[Fault]:
    if not re.fullmatch(HASH_ON_PATTERN, service.hash_on):
        yield Fault(
            f"{path}/hash_on",
            "hash_on",
            f"{service.hash_on!r} is no key: use header:NAME, cookie:NAME, path or caller.",
        )
    if not 0 <= service.try_timeout_seconds < float("inf"):
        yield Fault(
            f"{path}/try_timeout_seconds", "timeout", "A try's timeout is 0 (none) or more seconds."
        )
    if not 0 <= service.slow_start_seconds <= SLOW_START_LIMIT_SECONDS:
        yield Fault(
            f"{path}/slow_start_seconds",
            "slow_start",
            f"A slow start takes from 0 (none) to {SLOW_START_LIMIT_SECONDS:g} seconds.",
        )
    if not 0 <= service.retries <= RETRIES_LIMIT:
        yield Fault(f"{path}/retries", "retries", f"Retries are from 0 to {RETRIES_LIMIT}.")
    for at, status in enumerate(service.retry_on):
        if status not in RETRY_STATUSES:
            yield Fault(
                f"{path}/retry_on/{at}",
                "retry_on",
                f"{status} says nothing of another endpoint: use 502, 503 or 504.",
            )


def _route(name: str, route: Route, snapshot: Snapshot) -> Iterator[Fault]:
    path = f"/route/{name}"
    if route.name != name:
        yield Fault(path, "name_differs", f"The route calls itself {route.name!r}.")
    service = snapshot.service.get(name)
    if service is None:
        yield Fault(path, "service_missing", f"There is no service {name!r} to route to.")
        return
    for at, rule in enumerate(route.rules):
        here = f"{path}/rules/{at}"
        for place, share in enumerate(rule.split):
            if share.group not in service.groups:
                yield Fault(
                    f"{here}/split/{place}",
                    "group_missing",
                    f"Rule {rule.id!r} names group {share.group!r}, which {name!r} does not have.",
                )
            if not 0 <= share.percent <= 100:
                yield Fault(f"{here}/split/{place}", "percent", "A percent is from 0 to 100.")
        if abs(sum(share.percent for share in rule.split) - 100) > _PERCENT_TOLERANCE:
            yield Fault(f"{here}/split", "percent_sum", "The percents of a split sum to 100.")


def _inbound(name: str, inbound: Inbound) -> Iterator[Fault]:
    path = f"/inbound/{name}"
    if inbound.name != name:
        yield Fault(path, "name_differs", f"The inbound side calls itself {inbound.name!r}.")
    if inbound.callers_mode == "enforce" and not inbound.callers:
        yield Fault(
            f"{path}/callers",
            "callers_missing",
            "Nobody is allowed, so enforcing would refuse everybody: name who may call.",
        )


def _trust(name: str, trust: Trust) -> Iterator[Fault]:
    path = f"/trust/{name}"
    if name != MESH or trust.name != name:
        yield Fault(path, "name_differs", f"What the mesh trusts is named {MESH!r}.")
    if not trust.roots:
        yield Fault(f"{path}/roots", "roots_missing", "Who trusts no root cannot speak TLS.")
    for at, root in enumerate(trust.roots):
        if not root.startswith("-----BEGIN CERTIFICATE-----"):
            yield Fault(f"{path}/roots/{at}", "root", "A root is a certificate in PEM.")


def _healing(name: str, terms: HealingTerms) -> Iterator[Fault]:
    path = f"/healing/{name}"
    if terms.name != name:
        yield Fault(path, "name_differs", f"The terms call themselves {terms.name!r}.")
    for field, (least, most) in HEALING_BOUNDS.items():
        if not least <= getattr(terms, field) <= most:
            yield Fault(
                f"{path}/{field}", "healing", f"{field} is from {least:g} to {most:g}: choose so."
            )
    if terms.max_seconds < terms.base_seconds:
        yield Fault(
            f"{path}/max_seconds", "healing", "max_seconds is at least what base_seconds is."
        )
    for at, status in enumerate(terms.statuses):
        if not 500 <= status <= 599:
            yield Fault(
                f"{path}/statuses/{at}",
                "healing",
                f"{status} is not from 500 to 599: leave it out.",
            )


def _is_address(addr: str) -> bool:
    host, colon, port = addr.rpartition(":")
    return bool(host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536)
