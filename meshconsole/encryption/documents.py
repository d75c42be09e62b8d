"""Encryption as documents: the policy of each application that has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, field_validator

from meshconsole.core.documents import Author, Change, Kind, Metadata, Shape
from meshconsole.core.errors import Conflict, FieldFault, Invalid, MeshError
from meshconsole.encryption.policy import Policy, policy_rows, policy_shown
from meshconsole.encryption.selectors import policy_get
from meshconsole.encryption.services import CALLERS_LIMIT, policy_set
from proxy.contract.snapshot import Caller, CallersMode, TlsMode

_INSTANCES_LIMIT = 10_000


class CallerSpec(Shape):
    """Who may call; an empty part may be anything."""

    app: str = ""
    unit: str = ""


class EncryptionSpec(Shape):
    """The mode of instances, and who may call them."""

    mode: TlsMode = "plaintext"
    instances: dict[str, TlsMode] = Field(default_factory=dict, max_length=_INSTANCES_LIMIT)
    callers: tuple[CallerSpec, ...] = Field(default=(), max_length=CALLERS_LIMIT)
    callers_mode: CallersMode = "off"

    @field_validator("callers_mode", mode="before")
    @classmethod
    def off_is_a_word(cls, value: object) -> object:
        """YAML reads a bare `off` as false."""
        return "off" if value is False else value


def _export() -> Iterator[tuple[Metadata, EncryptionSpec]]:
    for application, (version, policy) in policy_rows().items():
        yield (
            Metadata(name=application, revision=version),
            EncryptionSpec.model_validate(policy_shown(policy)),
        )


def _apply(metadata: Metadata, spec: EncryptionSpec, author: Author) -> Change:
    """Put the document's policy in force; instances may come later, strict is guarded as ever."""
    if metadata.labels:
        detail = "An encryption policy has no labels."
        raise Invalid(detail, errors=[FieldFault(pointer="/metadata/labels", detail=detail)])
    version, before = policy_get(metadata.name)
    after = Policy(
        mode=spec.mode,
        instances=dict(spec.instances),
        callers=tuple(Caller(app=one.app, unit=one.unit) for one in spec.callers),
        callers_mode=spec.callers_mode,
    )
    try:
        policy_set(metadata.name, after, actor=author.actor, reason=author.reason, known_only=False)
    except MeshError as error:
        for fault in error.errors:
            fault["pointer"] = f"/spec{fault['pointer']}"
        raise
    number, now = policy_get(metadata.name)
    outcome: Literal["created", "changed", "unchanged"] = "changed" if version else "created"
    if number == version:
        return Change("unchanged", policy_shown(before), policy_shown(now))
    if version and metadata.revision not in (None, version):
        sentence = (
            f"The encryption of {metadata.name} is at version {version}, the document at "
            f"{metadata.revision}: export it again, or leave out metadata.revision to overwrite."
        )
        fault = FieldFault(pointer="/metadata/revision", detail=sentence)
        raise Conflict(sentence, code="encryption_changed", errors=[fault])
    return Change(outcome, policy_shown(before) if version else None, policy_shown(now))


KINDS: tuple[Kind[EncryptionSpec], ...] = (Kind("Encryption", EncryptionSpec, _export, _apply),)
