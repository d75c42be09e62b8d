"""The inventory as documents: units, applications, and instances without a sidecar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

from pydantic import Field

from meshconsole.core import revision
from meshconsole.core.documents import Author, Change, Kind, Metadata, Outcome, Shape
from meshconsole.core.errors import Conflict, Invalid
from meshconsole.inventory.models import Application, Instance, Source, Unit
from meshconsole.inventory.services import application_set, instance_import, unit_set
from meshconsole.inventory.states import OPEN
from proxy.contract.check import HASH_ON_PATTERN, RETRIES_LIMIT, SLOW_START_LIMIT_SECONDS
from proxy.contract.identity import NAME_PATTERN
from proxy.contract.snapshot import Balancer, Locality, ServiceProtocol


class UnitSpec(Shape):
    """What a unit stands for."""

    kind: Literal["logical", "region", "datacentre"] = "logical"


class TimeoutsSpec(Shape):
    """Seconds that a caller waits."""

    connect_seconds: float = Field(default=1.0, gt=0, le=3600)
    request_seconds: float = Field(default=15.0, gt=0, le=3600)
    idle_seconds: float = Field(default=60.0, gt=0, le=3600)


class RetriesSpec(Shape):
    """How often a caller's sidecar tries, and when again."""

    limit: int = Field(default=2, ge=0, le=RETRIES_LIMIT)
    statuses: list[Literal[502, 503, 504]] = Field(default_factory=list, max_length=3)
    try_seconds: float = Field(default=0.0, ge=0, le=3600)


class ApplicationSpec(Shape):
    """An application as its callers meet it; groups are added, never removed."""

    tier: Literal["critical", "standard"] = "standard"
    balancer: Balancer = "round_robin"
    hash_on: str = Field(default="", pattern=HASH_ON_PATTERN)
    locality: Locality = "any"
    slow_start_seconds: float = Field(default=0.0, ge=0, le=SLOW_START_LIMIT_SECONDS)
    protocol: ServiceProtocol = "auto"
    retries: RetriesSpec = RetriesSpec()
    timeouts: TimeoutsSpec = TimeoutsSpec()
    groups: list[str] = Field(default_factory=list, max_length=200)


class InstanceSpec(Shape):
    """An instance without a sidecar: it is there until it is taken out."""

    application: str = Field(pattern=NAME_PATTERN)
    unit: str = Field(pattern=NAME_PATTERN)
    group: str = Field(pattern=NAME_PATTERN)
    address: str = Field(max_length=260, pattern=r"^[^\s/]+:[0-9]{1,5}$")


def _units() -> Iterator[tuple[Metadata, UnitSpec]]:
    for row in Unit.objects.order_by("name"):
        yield _metadata(row), _unit_spec(row)


def _unit_spec(row: Unit) -> UnitSpec:
    return UnitSpec(kind=cast("Any", row.kind))


def _unit_apply(metadata: Metadata, spec: UnitSpec, author: Author) -> Change:
    before = Unit.objects.filter(name=metadata.name).first()
    was = None if before is None else _written(_metadata(before), _unit_spec(before))
    row, outcome = unit_set(
        name=metadata.name,
        fields={"kind": spec.kind, "labels": metadata.labels},
        actor=author.actor,
        reason=author.reason,
    )
    return _change(outcome, metadata, was, _written(_metadata(row), spec), before)


def _applications() -> Iterator[tuple[Metadata, ApplicationSpec]]:
    for row in Application.objects.order_by("name").prefetch_related("groups"):
        yield _metadata(row), _application_spec(row)


def _application_spec(row: Application) -> ApplicationSpec:
    return ApplicationSpec(
        tier=cast("Any", row.tier),
        balancer=cast("Any", row.balancer),
        hash_on=row.hash_on,
        locality=cast("Any", row.locality),
        slow_start_seconds=row.slow_start_seconds,
        protocol=cast("Any", row.protocol),
        retries=RetriesSpec(
            limit=row.retries, statuses=row.retry_on, try_seconds=row.try_timeout_seconds
        ),
        timeouts=TimeoutsSpec(
            connect_seconds=row.connect_timeout_seconds,
            request_seconds=row.request_timeout_seconds,
            idle_seconds=row.idle_timeout_seconds,
        ),
        groups=sorted(group.name for group in row.groups.all()),
    )


def _application_apply(metadata: Metadata, spec: ApplicationSpec, author: Author) -> Change:
    before = Application.objects.filter(name=metadata.name).first()
    was = None if before is None else _written(_metadata(before), _application_spec(before))
    row, outcome = application_set(
        name=metadata.name,
        fields={
            "tier": spec.tier,
            "labels": metadata.labels,
            "balancer": spec.balancer,
            "hash_on": spec.hash_on,
            "locality": spec.locality,
            "slow_start_seconds": spec.slow_start_seconds,
            "protocol": spec.protocol,
            "retries": spec.retries.limit,
            "retry_on": sorted(set(spec.retries.statuses)),
            "try_timeout_seconds": spec.retries.try_seconds,
            "connect_timeout_seconds": spec.timeouts.connect_seconds,
            "request_timeout_seconds": spec.timeouts.request_seconds,
            "idle_timeout_seconds": spec.timeouts.idle_seconds,
        },
        groups=spec.groups,
        actor=author.actor,
        reason=author.reason,
    )
    now = Application.objects.get(pk=row.pk)
    return _change(outcome, metadata, was, _written(_metadata(now), _application_spec(now)), before)


def _instances() -> Iterator[tuple[Metadata, InstanceSpec]]:
    rows = Instance.objects.named_parts().filter(source=Source.IMPORT, state__in=OPEN)
    for row in rows.order_by("instance_id"):
        yield _metadata(row), _instance_spec(row)


def _instance_spec(row: Instance) -> InstanceSpec:
    return InstanceSpec(
        application=row.application.name,
        unit=row.unit.name,
        group=row.group.name,
        address=row.address,
    )


def _instance_apply(metadata: Metadata, spec: InstanceSpec, author: Author) -> Change:
    port = int(spec.address.rpartition(":")[2])
    if not 0 < port < 65536:
        sentence = f"{port} is not a port: use 1 to 65535."
        raise Invalid(sentence, errors=[{"pointer": "/spec/address", "detail": sentence}])
    before = Instance.objects.named_parts().filter(instance_id=metadata.name).first()
    was = None if before is None else _written(_metadata(before), _instance_spec(before))
    row, different = instance_import(
        instance_id=metadata.name, labels=metadata.labels, **spec.model_dump()
    )
    outcome = "created" if before is None else "unchanged" if different is None else "changed"
    if outcome != "unchanged":
        revision.bump()
    return _change(outcome, metadata, was, _written(_metadata(row), spec), before)


def _metadata(row: Application | Unit | Instance) -> Metadata:
    return Metadata(name=str(row), labels=row.labels, revision=row.version)


def _written(metadata: Metadata, spec: Shape) -> dict[str, Any]:
    return {"labels": metadata.labels, **spec.model_dump(mode="json")}


def _change(
    outcome: str,
    metadata: Metadata,
    was: dict[str, Any] | None,
    now: dict[str, Any],
    before: Application | Unit | Instance | None,
) -> Change:
    """A document made from an older version may not undo what came after it."""
    stale = before is not None and metadata.revision not in (None, before.version)
    if outcome == "changed" and stale:
        assert before is not None  # noqa: S101
        sentence = (
            f"{metadata.name} is at version {before.version}, the document at {metadata.revision}: "
            "export it again, or leave out metadata.revision to overwrite."
        )
        raise Conflict(sentence, errors=[{"pointer": "/metadata/revision", "detail": sentence}])
    return Change(cast("Outcome", outcome), was, now)


KINDS: tuple[Kind[Any], ...] = (
    Kind("Unit", UnitSpec, _units, _unit_apply),
    Kind("Application", ApplicationSpec, _applications, _application_apply),
    Kind("Instance", InstanceSpec, _instances, _instance_apply),
)
