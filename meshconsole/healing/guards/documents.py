"""Healing as documents: the policy of the mesh, and of each application that has one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from django.utils import timezone
from pydantic import Field, field_validator

from meshconsole.core.documents import Author, Change, Kind, Metadata, Shape
from meshconsole.core.errors import Conflict, FieldFault, Invalid, MeshError
from meshconsole.healing.guards.models import MESH, HealingPolicy
from meshconsole.healing.guards.services import (
    AUTOMATE,
    SET,
    WIDEN,
    Wish,
    policy_row,
    policy_set,
    wish_of,
)

MESH_NAME = "mesh"
_POWERS = frozenset({SET, WIDEN, AUTOMATE})
_REASON = "Applied as a document."


class HealingSpec(Shape):
    """How far healing may go; what is left out is inherited."""

    mode: Literal["", "observe", "approve_all", "auto"] = ""
    ejection_mode: Literal["", "off", "report", "weight", "eject"] = ""
    numbers: dict[str, float] = Field(default_factory=dict, max_length=100)
    ejection: dict[str, float] = Field(default_factory=dict, max_length=100)
    actuator: str = ""
    actuator_settings: dict[str, Any] = Field(default_factory=dict)
    is_critical: bool | None = None

    @field_validator("ejection_mode", mode="before")
    @classmethod
    def off_is_a_word(cls, value: object) -> object:
        """YAML reads a bare `off` as false."""
        return "off" if value is False else value


def _export_mesh() -> Iterator[tuple[Metadata, HealingSpec]]:
    row = policy_row(MESH)
    if row is not None:
        yield _exported(MESH_NAME, row)


def _export_applications() -> Iterator[tuple[Metadata, HealingSpec]]:
    for row in HealingPolicy.objects.exclude(application=MESH).order_by("application"):
        yield _exported(row.application, row)


def _exported(name: str, row: HealingPolicy) -> tuple[Metadata, HealingSpec]:
    spec = HealingSpec.model_validate(msgspec.structs.asdict(wish_of(row)))
    return Metadata(name=name, revision=row.version), spec


def _apply_mesh(metadata: Metadata, spec: HealingSpec, author: Author) -> Change:
    if metadata.name != MESH_NAME:
        detail = f"The mesh's healing policy is called {MESH_NAME}."
        raise Invalid(detail, errors=[FieldFault(pointer="/metadata/name", detail=detail)])
    return _apply(MESH, metadata, spec, author)


def _apply_application(metadata: Metadata, spec: HealingSpec, author: Author) -> Change:
    return _apply(metadata.name, metadata, spec, author)


def _apply(application: str, metadata: Metadata, spec: HealingSpec, author: Author) -> Change:
    """Put the document's policy in force, as far as whoever applies it may."""
    if metadata.labels:
        detail = "A healing policy has no labels."
        raise Invalid(detail, errors=[FieldFault(pointer="/metadata/labels", detail=detail)])
    row = policy_row(application)
    version, before = (row.version, wish_of(row)) if row is not None else (0, None)
    try:
        after = policy_set(
            application=application,
            wish=Wish(**spec.model_dump()),
            reason=(author.reason or _REASON)[:300],
            actor=author.actor,
            now=timezone.now(),
            may=_POWERS if author.verbs is None else author.verbs & _POWERS,
        )
    except MeshError as error:
        for fault in error.errors:
            fault["pointer"] = f"/spec{fault['pointer']}"
        raise
    if before is not None and after.version == version:
        return Change("unchanged", _told(before), _told(wish_of(after)))
    if version and metadata.revision not in (None, version):
        sentence = (
            f"The healing policy of {metadata.name} is at version {version}, the document at "
            f"{metadata.revision}: export it again, or leave out metadata.revision to overwrite."
        )
        fault = FieldFault(pointer="/metadata/revision", detail=sentence)
        raise Conflict(sentence, code="healing_changed", errors=[fault])
    outcome: Literal["created", "changed"] = "changed" if version else "created"
    return Change(outcome, None if before is None else _told(before), _told(wish_of(after)))


def _told(wish: Wish) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(wish)
    return told


KINDS: tuple[Kind[HealingSpec], ...] = (
    Kind("MeshHealingPolicy", HealingSpec, _export_mesh, _apply_mesh),
    Kind("HealingPolicy", HealingSpec, _export_applications, _apply_application),
)
