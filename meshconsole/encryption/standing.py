"""Where every application stands on its way to strict, read once for all of them.

Intent comes from the database; who calls how, and what sidecars say of themselves, from Redis.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from meshconsole.core.errors import Degraded
from meshconsole.encryption.blockers import (
    LINK_CAPS,
    QUIET_MINUTES,
    Blocker,
    PlainCaller,
    UnableCaller,
    blockers,
    refused,
    unknown,
)
from meshconsole.encryption.policy import DEFAULT, Policy, application_row, policy_rows
from meshconsole.inventory.models import Application, Instance, Source
from meshconsole.telemetry import links, selectors as telemetry
from proxy.contract.reports import LinkState
from proxy.contract.snapshot import TLS_MODES, Caller, TlsMode


class InstanceStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One open instance: the mode it is to have, and what it says of itself."""

    id: str
    unit: str
    has_sidecar: bool
    mode: TlsMode
    state: LinkState | None = None
    """None when it has not said anything, or that is not known."""


class CallerTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """Who called in the last QUIET_MINUTES, how often, and how much of it encrypted.

    An empty `app` is the world outside of the mesh.
    """

    app: str
    unit: str
    requests: int
    encrypted: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One application."""

    application: str
    version: int
    policy: Policy
    instances: tuple[InstanceStanding, ...]
    callers: tuple[CallerTraffic, ...]
    blockers: tuple[Blocker, ...]
    """What keeps it from being strict."""

    @property
    def refused(self) -> list[str]:
        """What its instances have refused because it was in plaintext, a sentence for each."""
        said = [refused(one.id, one.state) for one in self.instances if one.state is not None]
        return [sentence for sentence in said if sentence]

    @property
    def modes(self) -> dict[TlsMode, int]:
        """Open instances by mode, in the order of the modes, without empty ones."""
        counts = {mode: sum(one.mode == mode for one in self.instances) for mode in TLS_MODES}
        return {mode: count for mode, count in counts.items() if count}

    @property
    def ready(self) -> int:
        """Instances that can prove themselves."""
        return sum(one.state is not None and one.state.ready for one in self.instances)

    @property
    def requests(self) -> int:
        """Taken in the last QUIET_MINUTES."""
        return sum(one.requests for one in self.callers)

    @property
    def encrypted_ratio(self) -> float | None:
        """Of these requests; None without any."""
        encrypted = sum(one.encrypted for one in self.callers)
        return encrypted / self.requests if self.requests else None


class MeshEncryption(msgspec.Struct, frozen=True, kw_only=True):
    """The whole mesh."""

    is_known: bool
    """False while Redis does not answer: then there is no traffic in it."""
    requests: int
    encrypted_ratio: float | None
    applications: tuple[Standing, ...]


class _Seen(NamedTuple):
    callers: dict[str, tuple[CallerTraffic, ...]]
    states: dict[str, LinkState]


def mesh_encryption(now: datetime) -> MeshEncryption:
    """Every application, by name."""
    seen = _seen(now)
    standings = _standings(None, seen)
    requests = sum(one.requests for one in standings)
    encrypted = sum(caller.encrypted for one in standings for caller in one.callers)
    return MeshEncryption(
        is_known=seen is not None,
        requests=requests,
        encrypted_ratio=encrypted / requests if requests else None,
        applications=tuple(standings),
    )


def standing_of(application: str, now: datetime, *, minutes: int = QUIET_MINUTES) -> Standing:
    """One application, by its traffic of the last `minutes`; raises NotFound."""
    application_row(application)
    return _standings([application], _seen(now, minutes), minutes)[0]


def refused_by(callers: Iterable[Caller], seen: Iterable[CallerTraffic]) -> list[CallerTraffic]:
    """Whose requests an enforced list would have refused: those not on it, and all in plaintext,
    as who sends those proves nothing."""
    rules = list(callers)
    refused = []
    for one in seen:
        allowed = one.app and any(
            rule.app in ("", one.app) and rule.unit in ("", one.unit) for rule in rules
        )
        count = one.requests - (one.encrypted if allowed else 0)
        if count:
            refused.append(msgspec.structs.replace(one, requests=count, encrypted=0))
    return refused


def _seen(now: datetime, minutes: int = QUIET_MINUTES) -> _Seen | None:
    try:
        edges = telemetry.edges(minutes=minutes, now=now.timestamp())
        latest = links.latest(links.read(), now.timestamp())
        states = {name: told.state for name, told in latest.items()}
    except Degraded:
        return None
    sums: dict[str, dict[tuple[str, str], list[int]]] = {}
    for edge in edges:
        found = sums.setdefault(edge.app, {}).setdefault(
            (edge.source_app, edge.source_unit), [0, 0]
        )
        found[0] += edge.figures.requests
        found[1] += edge.figures.requests if edge.encrypted else 0
    callers = {
        app: tuple(
            CallerTraffic(app=source, unit=unit, requests=requests, encrypted=encrypted)
            for (source, unit), (requests, encrypted) in sorted(sources.items())
            if requests
        )
        for app, sources in sums.items()
    }
    return _Seen(callers, states)


def _standings(
    names: Collection[str] | None, seen: _Seen | None, minutes: int = QUIET_MINUTES
) -> list[Standing]:
    apps = Application.objects.order_by("name")
    if names is not None:
        apps = apps.filter(name__in=names)
    policies = policy_rows() if names is None else policy_rows(application__name__in=names)
    rows = _instances(names)
    unable = _unable() if seen is not None else {}
    found = []
    for name in apps.values_list("name", flat=True):
        version, policy = policies.get(name, (0, DEFAULT))
        instances = tuple(_instance(row, policy, seen) for row in rows.get(name, ()))
        callers = seen.callers.get(name, ()) if seen is not None else ()
        found.append(
            Standing(
                application=name,
                version=version,
                policy=policy,
                instances=instances,
                callers=callers,
                blockers=tuple(_blockers(name, instances, callers, unable, minutes))
                if seen is not None
                else (unknown(name),),
            )
        )
    return found


def _instances(names: Collection[str] | None) -> dict[str, list[Any]]:
    rows = Instance.objects.open().order_by("instance_id")
    if names is not None:
        rows = rows.filter(application__name__in=names)
    found: dict[str, list[Any]] = {}
    for app, *row in rows.values_list("application__name", "instance_id", "unit__name", "source"):
        found.setdefault(app, []).append(row)
    return found


def _instance(row: list[str], policy: Policy, seen: _Seen | None) -> InstanceStanding:
    name, unit, source = row
    has_sidecar = source == Source.SIDECAR
    return InstanceStanding(
        id=name,
        unit=unit,
        has_sidecar=has_sidecar,
        mode=policy.mode_of(name) if has_sidecar else "plaintext",
        state=seen.states.get(name) if seen is not None else None,
    )


def _blockers(
    application: str,
    instances: Iterable[InstanceStanding],
    callers: Iterable[CallerTraffic],
    unable: dict[str, list[UnableCaller]],
    minutes: int,
) -> list[Blocker]:
    plain: dict[str, int] = {}
    for one in callers:
        plain[one.app] = plain.get(one.app, 0) + one.requests - one.encrypted
    return blockers(
        application,
        {one.id: one.mode for one in instances},
        states={one.id: one.state for one in instances if one.state is not None},
        callers=[PlainCaller(app, requests) for app, requests in sorted(plain.items())],
        unable=[each for app in plain for each in unable.get(app, ())],
        quiet_minutes=minutes,
    )


def _unable() -> dict[str, list[UnableCaller]]:
    """Open instances that could not call any other way than in plaintext, by application."""
    found: dict[str, list[UnableCaller]] = {}
    rows = Instance.objects.open().order_by("instance_id")
    for app, instance, source, caps in rows.values_list(
        "application__name", "instance_id", "source", "caps"
    ):
        why = ""
        if source != Source.SIDECAR:
            why = "it has no sidecar."
        elif not LINK_CAPS.issubset(caps):
            why = "its sidecar is too old; update it."
        if why:
            found.setdefault(app, []).append(UnableCaller(app, instance, why))
    return found
