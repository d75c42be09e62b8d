"""Configuration as documents: read with suspicion, applied whole or not at all.

A kind is one row of an explicit table: the shape of its `spec`, how to list what there is, and how
to make one object as a document says. `export | apply` changes nothing. A dry run does exactly what
an apply does and takes it back, so both have one validator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import yaml
from django.core.exceptions import ValidationError as ModelInvalid
from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meshconsole.core.errors import FieldFault, Invalid, MeshError
from meshconsole.core.parsing import DEPTH_LIMIT

API_VERSION = "meshconsole.io/v1"
DOCUMENT_LIMIT = 5000
Outcome = Literal["created", "changed", "unchanged"]
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Shape(BaseModel):
    """Base of every `spec`: unknown fields and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Metadata(Shape):
    """What an object is called; `revision` is the version that the document was made from."""

    name: str = Field(min_length=1, max_length=63)
    labels: dict[str, str] = Field(default_factory=dict, max_length=64)
    annotations: dict[str, str] = Field(default_factory=dict, max_length=64)
    revision: int | None = None


class Document(Shape):
    """One object, from outside."""

    apiVersion: Literal["meshconsole.io/v1"]  # noqa: N815
    kind: str
    metadata: Metadata
    spec: dict[str, Any] = Field(default_factory=dict)
    status: dict[str, Any] = Field(default_factory=dict)
    """Told by the console, ignored when applied."""


@dataclass(frozen=True)
class Author:
    """Who applies, and why."""

    actor: str
    reason: str = ""
    verbs: frozenset[str] | None = None
    """What the actor's role may do, for kinds that ask for more than applying; None may all."""


@dataclass(frozen=True)
class Change:
    """What applying one document did; `before` and `after` are specs, for a diff."""

    outcome: Outcome
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


S = TypeVar("S", bound=Shape)


@dataclass(frozen=True)
class Kind(Generic[S]):
    """One kind of object.

    `export()` yields (metadata, spec) in a stable order. `apply(metadata, spec, author)` makes the
    object so; it raises MeshError with pointers into the document, such as `/spec/groups/0`.
    """

    name: str
    shape: type[S]
    export: Callable[[], Iterable[tuple[Metadata, S]]]
    apply: Callable[[Metadata, S, Author], Change]


@dataclass(frozen=True)
class Planned:
    """One document's part of a plan."""

    index: int
    kind: str
    name: str
    change: Change


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one document."""

    index: int
    kind: str
    name: str
    pointer: str
    code: str
    detail: str


@dataclass
class Plan:
    """What an apply did, or would do; nothing is done when there is a fault."""

    planned: list[Planned] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    applied: bool = False

    def changed(self) -> list[Planned]:
        """The parts that are more than a look."""
        return [part for part in self.planned if part.change.outcome != "unchanged"]


def documents_read(raw: bytes | str) -> list[Any]:
    """The YAML (or JSON) documents of a text; raises Invalid.

    Aliases are refused: a kilobyte of them can stand for a gigabyte.
    """
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        _check_events(text)
        found = list(yaml.load_all(text, Loader=_Loader))
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:
        raise Invalid(f"The documents are not YAML that this console reads: {error}") from None
    documents = [
        part
        for one in found
        for part in (one if isinstance(one, list) else [one])
        if part is not None
    ]
    if len(documents) > DOCUMENT_LIMIT:
        raise Invalid(f"At most {DOCUMENT_LIMIT} documents at once; send them in parts.")
    return documents


def documents_write(kinds: Sequence[Kind[Any]]) -> str:
    """Every object of these kinds as YAML, in a stable order."""
    return yaml.safe_dump_all(
        (
            {
                "apiVersion": API_VERSION,
                "kind": kind.name,
                "metadata": metadata.model_dump(exclude_none=True, exclude_defaults=True),
                "spec": spec.model_dump(mode="json"),
            }
            for kind in kinds
            for metadata, spec in kind.export()
        ),
        sort_keys=False,
        allow_unicode=True,
        explicit_start=True,
        width=100,
    )


def documents_run(
    kinds: Sequence[Kind[Any]], documents: Sequence[Any], author: Author, *, dry_run: bool
) -> Plan:
    """Apply all documents in one transaction, in the order of `kinds`, or none of them."""
    plan = Plan()
    known = {kind.name: (place, kind) for place, kind in enumerate(kinds)}
    read = [_read_one(index, given, known, plan) for index, given in enumerate(documents)]
    ordered = sorted((one for one in read if one is not None), key=lambda one: one.order)
    _refuse_twice(ordered, plan)
    with transaction.atomic():
        for one in ordered:
            _apply_one(one, author, plan)
        plan.applied = not plan.faults and not dry_run
        if not plan.applied:
            transaction.set_rollback(True)
    plan.planned.sort(key=lambda part: part.index)
    return plan


@dataclass(frozen=True)
class _Read:
    index: int
    place: int
    kind: Kind[Any]
    metadata: Metadata
    spec: Shape

    @property
    def order(self) -> tuple[int, int]:
        return self.place, self.index

    def fault(self, pointer: str, code: str, detail: str) -> Fault:
        return Fault(self.index, self.kind.name, self.metadata.name, pointer, code, detail)


def _read_one(
    index: int, given: Any, known: dict[str, tuple[int, Kind[Any]]], plan: Plan
) -> _Read | None:
    kind_name, name = _named(given)
    prefix = ""
    try:
        document = Document.model_validate(given)
        if document.kind not in known:
            detail = f"There is no kind {document.kind!r}; there are {sorted(known)}."
            plan.faults.append(Fault(index, kind_name, name, "/kind", "unknown_kind", detail))
            return None
        place, kind = known[document.kind]
        prefix = "/spec"
        spec = kind.shape.model_validate(document.spec)
    except ValidationError as error:
        plan.faults += (
            Fault(index, kind_name, name, prefix + pointer, "invalid", detail)
            for pointer, detail in _pointed(error)
        )
        return None
    return _Read(index, place, kind, document.metadata, spec)


def _apply_one(one: _Read, author: Author, plan: Plan) -> None:
    try:
        with transaction.atomic():
            change = one.kind.apply(one.metadata, one.spec, author)
    except MeshError as error:
        faults: list[FieldFault] = error.errors or [{"pointer": "", "detail": error.detail}]
        plan.faults += (one.fault(part["pointer"], error.code, part["detail"]) for part in faults)
    except ModelInvalid as error:
        plan.faults += (one.fault("", "invalid", sentence) for sentence in error.messages)
    else:
        plan.planned.append(Planned(one.index, one.kind.name, one.metadata.name, change))


def _refuse_twice(ordered: list[_Read], plan: Plan) -> None:
    seen: set[tuple[str, str]] = set()
    for one in ordered:
        key = (one.kind.name, one.metadata.name)
        if key in seen:
            plan.faults.append(one.fault("/metadata/name", "twice", "This object is given twice."))
        seen.add(key)


def _named(given: Any) -> tuple[str, str]:
    if not isinstance(given, dict):
        return "", ""
    metadata = given.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    return str(given.get("kind", ""))[:60], str(name)[:63]


def _pointed(error: ValidationError) -> Iterator[tuple[str, str]]:
    for part in error.errors(include_url=False, include_input=False):
        yield "".join(f"/{step}" for step in part["loc"]), part["msg"]


def _check_events(text: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases (`*name`) are not accepted, write the value out")
        if isinstance(event, yaml.ScalarEvent) and not _is_text(event):
            raise ValueError("a value has a NUL character or is binary; write it as text")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > DEPTH_LIMIT:
            raise ValueError(f"they are nested more than {DEPTH_LIMIT} deep")
        if documents > DOCUMENT_LIMIT:
            raise ValueError(f"there are more than {DOCUMENT_LIMIT}")


def _is_text(event: Any) -> bool:
    return "\0" not in event.value and event.tag != "tag:yaml.org,2002:binary"
