"""Routes as documents: the split of each application that has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from meshconsole.core.documents import Author, Change, Kind, Metadata, Outcome, Shape
from meshconsole.core.errors import Conflict, FieldFault, Invalid, MeshError
from meshconsole.steering.models import Route
from meshconsole.steering.services import split_set
from meshconsole.steering.split import GROUPS_LIMIT, Split


class RouteSpec(Shape):
    """Percent of requests for each group; they sum to 100."""

    split: dict[str, int | float] = Field(max_length=GROUPS_LIMIT)


def _export() -> Iterator[tuple[Metadata, RouteSpec]]:
    for row in Route.objects.select_related("application").order_by("application__name"):
        yield _metadata(row), RouteSpec(split=row.split)


def _apply(metadata: Metadata, spec: RouteSpec, author: Author) -> Change:
    """Put the document's split in force.

    A document may come before the instances that it sends requests to: a group that has none is
    taken, one that the application does not have is not.
    """
    if metadata.labels:
        raise _fault("/metadata/labels", "A route has no labels.")
    before = Route.objects.filter(application__name=metadata.name).first()
    try:
        route = split_set(
            application=metadata.name,
            split=spec.split,
            expected_version=None,
            actor=author.actor,
            reason=author.reason,
            force=True,
        )
    except MeshError as error:
        for fault in error.errors:
            fault["pointer"] = f"/spec{fault['pointer']}"
        raise
    now: Split = route.split
    if before is None:
        return Change("created", None, _written(now))
    outcome: Outcome = "unchanged" if route.version == before.version else "changed"
    if outcome == "changed" and metadata.revision not in (None, before.version):
        sentence = (
            f"The route of {metadata.name} is at version {before.version}, the document at "
            f"{metadata.revision}: export it again, or leave out metadata.revision to overwrite."
        )
        fault = FieldFault(pointer="/metadata/revision", detail=sentence)
        raise Conflict(sentence, code="route_changed", errors=[fault])
    return Change(outcome, _written(before.split), _written(now))


def _metadata(row: Route) -> Metadata:
    return Metadata(name=row.application.name, revision=row.version)


def _written(split: Split) -> dict[str, Any]:
    return {"split": split}


def _fault(pointer: str, sentence: str) -> Invalid:
    return Invalid(sentence, errors=[FieldFault(pointer=pointer, detail=sentence)])


KINDS: tuple[Kind[Any], ...] = (Kind("Route", RouteSpec, _export, _apply),)
