"""Where windows lie in Redis and how they are written: an hour of buckets of ten seconds.

Each writer (one life of one discovery shard) owns one field per bucket and writes its running
total there, so a write that is repeated changes nothing and readers add the writers up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from meshconsole.telemetry.tally import Tally

BUCKET_SECONDS = 10
KEPT_SECONDS = 3700
OTHER = "other"
"""Stands for what is beyond a cap, or has no decent name."""


class EdgeKey(NamedTuple):
    """Who called what, as one side saw it; side `in` does not know its source."""

    side: str
    source_app: str
    source_unit: str
    source_group: str
    app: str
    unit: str
    group: str
    interface: str
    encrypted: bool


class InstanceKey(NamedTuple):
    """An instance whose sidecar told what it took in."""

    instance: str
    app: str
    unit: str
    group: str


class EdgePage(msgspec.Struct, array_like=True):
    """One writer's edges of one bucket; `begin` and `end` (epoch s) are what reports covered."""

    begin: float
    end: float
    rows: list[tuple[EdgeKey, Tally]]


class InstancePage(msgspec.Struct, array_like=True):
    """One writer's instances of one bucket."""

    begin: float
    end: float
    rows: list[tuple[InstanceKey, Tally]]


_encoder = msgspec.json.Encoder()
_edges = msgspec.json.Decoder(EdgePage)
_instances = msgspec.json.Decoder(InstancePage)


def bucket_of(at: float) -> int:
    """The bucket (epoch seconds of its begin) that a moment falls into."""
    return int(at // BUCKET_SECONDS) * BUCKET_SECONDS


def edges_key(bucket: int) -> str:
    """The hash of a bucket's edges, a field per writer."""
    return f"mesh:windows:{bucket}"


def instances_key(bucket: int) -> str:
    """The hash of a bucket's instances, a field per writer."""
    return f"mesh:windows:{bucket}:instances"


def seen_key(at: float) -> str:
    """The hash of report numbers taken, a field per boot of a sidecar; a new one each hour."""
    return f"mesh:seen:{int(at // 3600)}"


def encode_edges(begin: float, end: float, rows: Mapping[EdgeKey, Tally]) -> bytes:
    """One writer's edges as a field's value."""
    return _encoder.encode(EdgePage(begin, end, list(rows.items())))


def encode_instances(begin: float, end: float, rows: Mapping[InstanceKey, Tally]) -> bytes:
    """One writer's instances as a field's value."""
    return _encoder.encode(InstancePage(begin, end, list(rows.items())))


def decode_edges(fields: Iterable[bytes]) -> list[EdgePage]:
    """Read the fields of a bucket; what cannot be read counts as not there."""
    pages = []
    for field in fields:
        try:
            pages.append(_edges.decode(field))
        except msgspec.MsgspecError:
            continue
    return pages


def decode_instances(fields: Iterable[bytes]) -> list[InstancePage]:
    """Read the fields of a bucket; what cannot be read counts as not there."""
    pages = []
    for field in fields:
        try:
            pages.append(_instances.decode(field))
        except msgspec.MsgspecError:
            continue
    return pages
