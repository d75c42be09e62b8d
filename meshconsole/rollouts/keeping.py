"""The ledger of a rollout as it stood when the rollout ended: kept, since sidecars count on.

What is kept is what its page and its downloads show: each wave's figures, the busiest edges, and
every counter of every sidecar at them, packed, as a thousand sidecars have many.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from meshconsole.rollouts.evidence import Baseline
from meshconsole.rollouts.ledgers import Came, came_since, counts_of
from meshconsole.rollouts.models import KeptLedger, Rollout, Target, Wave
from meshconsole.rollouts.states import TERMINAL, WaveState
from meshconsole.telemetry import links
from meshconsole.telemetry.links import EdgeLedger, LinkTotals, Told

EDGE_ROWS = 60
COUNTERS_LIMIT = 50_000
"""Rows of counters that are kept; the page says how many are not."""
TOTALS = LinkTotals.__struct_fields__
COLUMNS = (
    "sidecar", "boot", "application", "side", "peer_application", "peer_unit", "peer_instance",
    "protocol", "encrypted", "generation", *TOTALS,
)  # fmt: skip


def ledger_keep(row: Rollout, told: Sequence[Told] | None, now: datetime) -> None:
    """Keep what sidecars have told, in the caller's transaction; `told` None is not known."""
    if told is None:
        KeptLedger.objects.get_or_create(rollout=row, defaults={"at": now, "is_known": False})
        return
    targets: dict[int, list[str]] = {}
    for wave, name in Target.objects.filter(wave__rollout=row).values_list("wave", "instance"):
        targets.setdefault(wave, []).append(name)
    came = {
        str(wave.number): msgspec.to_builtins(came_of(wave, targets.get(wave.pk, ()), told))
        for wave in row.waves.all()
    }
    counters = list(counters_of(told, row.application))
    packed = [[one[name] for name in COLUMNS] for one in islice(counters, COUNTERS_LIMIT)]
    KeptLedger.objects.get_or_create(
        rollout=row,
        defaults={
            "at": now,
            "waves": came,
            "edges": msgspec.to_builtins(links.ledger(told, app=row.application)[:EDGE_ROWS]),
            "counters": zlib.compress(msgspec.json.encode(packed)),
            "left_out": len(counters) - len(packed),
        },
    )


def ledger_kept(row: Rollout) -> KeptLedger | None:
    """The ledger of an ended rollout; None while it runs, or when none was kept."""
    if row.state not in TERMINAL:
        return None
    return KeptLedger.objects.filter(rollout=row).first()


def came_of(wave: Wave, names: Collection[str], told: Sequence[Told]) -> Came | None:
    """What a wave has seen since it began; None when it has not, or the past is not known."""
    if wave.state == WaveState.PLANNED or not wave.baseline:
        return None
    begun = msgspec.convert(wave.baseline, Baseline).links
    return None if begun is None else came_since(counts_of(told, names), begun)


def came_kept(kept: KeptLedger, number: int) -> Came | None:
    """The same as it was kept."""
    came: Mapping[str, Any] | None = kept.waves.get(str(number))
    return None if came is None else msgspec.convert(came, Came)


def edges_kept(kept: KeptLedger) -> list[EdgeLedger]:
    """The busiest edges as they were kept."""
    return msgspec.convert(kept.edges, list[EdgeLedger])


def counters_kept(kept: KeptLedger) -> list[dict[str, Any]]:
    """Every counter as it was kept."""
    if not kept.is_known:
        return []
    packed: list[list[Any]] = msgspec.json.decode(zlib.decompress(kept.counters))
    return [dict(zip(COLUMNS, values, strict=True)) for values in packed]


def counters_of(told: Sequence[Told], application: str) -> Iterator[dict[str, Any]]:
    """Every counter of every sidecar at the edges from and to an application; of all without."""
    for one in told:
        for edge in one.edges:
            if application and application not in (one.app, edge.app):
                continue
            yield {
                "sidecar": one.instance,
                "boot": one.boot,
                "application": one.app,
                "side": edge.side,
                "peer_application": edge.app,
                "peer_unit": edge.unit,
                "peer_instance": edge.instance,
                "protocol": edge.protocol,
                "encrypted": edge.encrypted,
                "generation": edge.generation,
                **{name: getattr(edge, name) for name in TOTALS},
            }
