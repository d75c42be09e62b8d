"""Why a request goes where it goes, told by the router that decides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from proxy.choice import Choice
from proxy.contract.snapshot import Rule

if TYPE_CHECKING:
    from proxy.steering.router import Plan, Split


class Considered(msgspec.Struct, frozen=True):
    """A rule of the route, in order."""

    rule: str
    matched: bool
    why: str


class Portion(msgspec.Struct, frozen=True):
    """A share of the rule's split, as buckets."""

    group: str
    first_bucket: int
    last_bucket: int
    """Inclusive."""
    chosen: bool


class Reasons(msgspec.Struct, frozen=True, kw_only=True):
    """How an application and a group of it were found."""

    application: str
    rules: tuple[Considered, ...] = ()
    key_from: Literal["", "x-mesh-sticky", "traceparent"] = ""
    """What the split hashes; empty where there is nothing to split."""
    key: str = ""
    bucket: int | None = None
    """Of 10,000."""
    portions: tuple[Portion, ...] = ()
    group: str = ""
    """Empty: any group."""
    why: str


def reasons_of(
    plan: Plan, rules: Sequence[Rule], choice: Choice, sticky: bytes, trace_id: bytes
) -> Reasons:
    """Why a plan led to this choice, for a request with these keys."""
    name = plan.target.service.name
    considered = tuple(_considered(rule, first=at == 0) for at, rule in enumerate(rules))
    split = plan.split
    if split is None:
        why = "There is no route for it, so any of its endpoints may answer."
        return Reasons(application=name, rules=considered, why=why)
    key = sticky or trace_id
    bucket = split.bucket_of(key)
    at = split.share_at(bucket)
    why = f"Bucket {bucket} of the key is one of group {split.groups[at]!r}."
    if len(split.groups) == 1:
        why = f"Rule {rules[0].id!r} sends everything to group {split.groups[0]!r}."
    if choice.group != split.groups[at]:
        why += " Nobody in it can answer, so any endpoint may, as the rule says."
    return Reasons(
        application=name,
        rules=considered,
        key_from="x-mesh-sticky" if sticky else "traceparent",
        key=key.decode("latin-1"),
        bucket=bucket,
        portions=_portions(split, at),
        group=choice.group,
        why=why,
    )


def _considered(rule: Rule, first: bool) -> Considered:
    if first:
        return Considered(rule.id, True, "It has no conditions: it holds for every request.")
    return Considered(rule.id, False, "It is never reached: an earlier rule holds already.")


def _portions(split: Split, chosen: int) -> tuple[Portion, ...]:
    begins = [0, *split.bounds[:-1]]
    return tuple(
        Portion(group, begin, bound - 1, at == chosen)
        for at, (group, begin, bound) in enumerate(
            zip(split.groups, begins, split.bounds, strict=True)
        )
    )
