"""Which snapshot every sidecar holds, and how far a change has come; read from Redis in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import msgspec
from django.utils import timezone

from meshconsole.core import redis, revision
from meshconsole.inventory.models import Instance, Source

LEASES, SYNC, HEAD = "mesh:leases", "mesh:sync", "mesh:head"
STALE_SECONDS = 10.0
State = Literal["in step", "pending", "nacked", "stale", "offline"]


@dataclass(frozen=True)
class Refusal:
    """Why a sidecar kept its old snapshot: where in the new one, and what about it."""

    path: str
    code: str
    msg: str
    v: int


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """One sidecar: what it holds, what it shall hold, and whether these agree.

    `in step`: it acked the desired digest. `pending`: pushed, not yet acked, for under 10 s.
    `stale`: the same for longer. `nacked`: refused. `offline`: no lease.
    """

    instance: str
    application: str
    unit: str
    group: str
    state: State
    v: int
    digest: str
    desired: str
    nack: Refusal | None
    at: float
    """Epoch seconds of its last word on configuration; 0 when it never spoke."""
    shard: str
    variant: str


class _Seat(NamedTuple):
    """An instance by its names: a thousand are read for one page, so no rows are made of them."""

    instance: str
    application: str
    unit: str
    group: str


@dataclass(frozen=True)
class Progress:
    """How many of the sidecars that are online are at least at revision `v`."""

    v: int
    expected: int
    acked: int
    nacked: int
    pending: int
    percent: float
    head: int
    """The newest revision that was compiled."""


@dataclass(frozen=True)
class Head:
    """The newest compiled revision: which digest each variant shall have."""

    v: int = 0
    variants: Mapping[str, str] | None = None
    at: float = 0.0


def sync_states(instances: Iterable[Instance] | None = None) -> list[SyncState]:
    """The state of every open instance that has a sidecar, or of those given; raises Degraded."""
    seats = _with_sidecar() if instances is None else map(_seat, instances)
    return _states(seats, *_read(), timezone.now().timestamp())


def fleet() -> tuple[list[SyncState], Progress]:
    """Every sidecar's state, and how far the current revision has come, from one read of Redis."""
    facts, now = _read(), timezone.now().timestamp()
    return _states(_with_sidecar(), *facts, now), _progress(revision.current(), *facts, now)


def progress(v: int | None = None) -> Progress:
    """How far revision `v` (the current one without) has come; raises Degraded."""
    wanted = revision.current() if v is None else v
    head, leases, spoken = _read()
    return _progress(wanted, head, leases, spoken, timezone.now().timestamp())


def head() -> Head:
    """The newest compiled revision; raises Degraded."""
    return _head(cast("dict[str, str]", redis.client().hgetall(HEAD)))


def _with_sidecar() -> Iterable[_Seat]:
    rows = Instance.objects.open().filter(source=Source.SIDECAR)
    names = rows.values_list("instance_id", "application__name", "unit__name", "group__name")
    return (_Seat(*each) for each in names)


def _seat(row: Instance) -> _Seat:
    return _Seat(row.instance_id, row.application.name, row.unit.name, row.group.name)


def _states(
    seats: Iterable[_Seat],
    head: Head,
    leases: Mapping[str, float],
    spoken: Mapping[str, Mapping[str, Any]],
    now: float,
) -> list[SyncState]:
    return [
        _state(seat, head, leases.get(seat.instance, 0.0), spoken.get(seat.instance), now)
        for seat in seats
    ]


def _progress(
    v: int,
    head: Head,
    leases: Mapping[str, float],
    spoken: Mapping[str, Mapping[str, Any]],
    now: float,
) -> Progress:
    online = [name for name, ends in leases.items() if ends > now]
    acked = nacked = 0
    for name in online:
        word = spoken.get(name, {})
        desired = (head.variants or {}).get(str(word.get("variant", "")))
        if head.v >= v and (_v(word) >= v or (desired and word.get("digest") == desired)):
            acked += 1
        elif word.get("state") == "nacked":
            nacked += 1
    pending = len(online) - acked - nacked
    percent = 100.0 * acked / len(online) if online else 0.0
    return Progress(v, len(online), acked, nacked, pending, round(percent, 1), head.v)


def _state(
    seat: _Seat, head: Head, lease: float, word: Mapping[str, Any] | None, now: float
) -> SyncState:
    said = word or {}
    variant = str(said.get("variant") or f"{seat.application}/{seat.unit}/stable")
    desired = (head.variants or {}).get(variant, "")
    refusal = said.get("nack")
    return SyncState(
        instance=seat.instance,
        application=seat.application,
        unit=seat.unit,
        group=seat.group,
        state=_judged(said, desired, head, lease, now),
        v=_v(said),
        digest=str(said.get("digest", "")),
        desired=desired,
        nack=Refusal(**{key: refusal[key] for key in ("path", "code", "msg", "v")})
        if refusal
        else None,
        at=float(said.get("at", 0.0)),
        shard=str(said.get("shard", "")),
        variant=variant,
    )


def _judged(said: Mapping[str, Any], desired: str, head: Head, lease: float, now: float) -> State:
    if lease <= now:
        return "offline"
    if said.get("state") == "nacked":
        return "nacked"
    if said.get("digest") and (not desired or said.get("digest") == desired):
        return "in step"
    since = max(float(said.get("at", 0.0)), head.at)
    return "pending" if now - since < STALE_SECONDS else "stale"


def _v(said: Mapping[str, Any]) -> int:
    return int(said.get("v") or 0)


def _read() -> tuple[Head, dict[str, float], dict[str, dict[str, Any]]]:
    pipe = redis.client().pipeline(transaction=False)
    pipe.hgetall(HEAD)
    pipe.zrange(LEASES, 0, -1, withscores=True)
    pipe.hgetall(SYNC)
    fields, leases, spoken = pipe.execute()
    return (
        _head(fields),
        dict(leases),
        {name: msgspec.json.decode(text) for name, text in spoken.items()},
    )


def _head(fields: Mapping[str, str]) -> Head:
    if not fields:
        return Head()
    return Head(
        v=int(fields.get("v", 0)),
        variants=msgspec.json.decode(fields.get("variants", "{}")),
        at=float(fields.get("at", 0.0)),
    )
