"""A mesh for rollouts, as Redis would know it: sidecars that take what they are told, traffic."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from meshconsole.core import redis, revision
from meshconsole.encryption.selectors import modes_of
from meshconsole.inventory import sync
from meshconsole.inventory.models import Application, Instance
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.services import rollouts_advance
from meshconsole.rollouts.states import MOVING
from meshconsole.telemetry import links
from meshconsole.telemetry.links import Told
from meshconsole.telemetry.reader import EDGES, INSTANCES
from meshconsole.telemetry.store import (
    BUCKET_SECONDS,
    InstanceKey,
    bucket_of,
    encode_instances,
    instances_key,
)
from meshconsole.telemetry.tally import Tally
from proxy.contract.reports import LATENCY_BUCKETS, LinkCounts, LinkState

BEGIN = datetime(2026, 3, 4, 5, 0, 0, tzinfo=UTC)
FAR = 4_000_000_000.0


@dataclass
class Behaviour:
    """What one instance does with each request."""

    requests_per_second: int = 50
    error_share: float = 0.0
    bucket: int = 2
    """Of latency, in which its answers lie."""


@dataclass
class Mesh:
    """Instances that serve, told of in Redis; time moves when `run` is called."""

    names: list[str]
    now: datetime = BEGIN
    silent: set[str] = field(default_factory=set)
    """Sidecars that take nothing new."""
    behaviour: dict[str, Behaviour] = field(default_factory=dict)
    is_told: bool = True
    """False: Redis learns of no traffic."""
    is_heard: bool = True
    """False: Redis has forgotten every sidecar, and hears of none."""
    ledger: dict[str, LinkCounts] = field(default_factory=dict)
    states: dict[str, LinkState] = field(default_factory=dict)
    each_second: Callable[[Mesh], None] = lambda mesh: None
    _acked: dict[str, int] = field(default_factory=dict)
    _until: int = 0

    def begin(self, *, past_seconds: int = 700) -> None:
        """Forget what earlier tests told, and have a past."""
        INSTANCES.forget()
        EDGES.forget()
        self._until = bucket_of(self.now.timestamp() - past_seconds)
        self.tell()

    def of(self, instance: str) -> Behaviour:
        """What this instance does."""
        return self.behaviour.setdefault(instance, Behaviour())

    def tell(self) -> None:
        """Bring Redis up to now: sync states, traffic, links."""
        self._tell_sync()
        if self.is_told:
            self._tell_traffic()
        self._tell_links()

    def run(
        self,
        seconds: float,
        *,
        stop: Callable[[], bool] = lambda: False,
        tick: Callable[[Callable[[], int]], object] = lambda advance: advance(),
    ) -> None:
        """Let time pass, second by second, with the engine looking each second."""
        for _ in range(int(seconds)):
            self.now += timedelta(seconds=1)
            self.each_second(self)
            self.tell()
            tick(lambda: rollouts_advance(self.now))
            if stop():
                return

    def finish(self, rollout: Rollout, *, seconds: float = 600) -> str:
        """Run until the rollout waits for nobody but a person; returns its state."""
        for _ in range(int(seconds)):
            rollout.refresh_from_db()
            if rollout.state not in MOVING:
                break
            self.run(1)
        return str(rollout.state)

    def until_wave(self, rollout: Rollout, number: int, state: str = "soaking") -> None:
        """Run until a wave is in a state."""
        for _ in range(300):
            if rollout.waves.get(number=number).state == state:
                return
            self.run(1)
        rollout.refresh_from_db()
        raise AssertionError(f"wave {number} is not {state}: {rollout.state}, {rollout.note}")

    def _tell_sync(self) -> None:
        if not self.is_heard:
            redis.client().delete(sync.HEAD, sync.LEASES, sync.SYNC)
            return
        v = revision.current()
        for name in self.names:
            if name not in self.silent:
                self._acked[name] = v
        with redis.client().pipeline() as pipe:
            variants = json.dumps({"v": f"d{v}"})
            pipe.hset(sync.HEAD, mapping={"v": v, "fence": 1, "variants": variants, "at": FAR})
            pipe.zadd(sync.LEASES, dict.fromkeys(self.names, FAR))
            for name in self.names:
                acked = self._acked.get(name, 0)
                word = {"v": acked, "digest": f"d{acked}", "state": "active", "variant": "v"}
                pipe.hset(sync.SYNC, name, json.dumps(word))
            pipe.execute()

    def _tell_traffic(self) -> None:
        at = self.now.timestamp()
        seats = {
            row.instance_id: (row.application.name, row.unit.name, row.group.name)
            for row in Instance.objects.named_parts().filter(instance_id__in=self.names)
        }
        for bucket in range(self._until, bucket_of(at) + 1, BUCKET_SECONDS):
            seconds = min(BUCKET_SECONDS, int(at - bucket))
            rows = {
                InstanceKey(name, *seats[name]): self._tally(name, seconds)
                for name in self.names
                if name in seats and seconds > 0
            }
            field_value = encode_instances(bucket, bucket + seconds, rows)
            redis.client(text=False).hset(instances_key(bucket), mapping={"shard": field_value})
        self._until = bucket_of(at)

    def _tally(self, name: str, seconds: int) -> Tally:
        behaviour = self.of(name)
        requests = behaviour.requests_per_second * seconds
        latency = [0] * LATENCY_BUCKETS
        latency[behaviour.bucket] = requests
        errors = round(requests * behaviour.error_share)
        return Tally(requests=requests, errors=[0, 0, errors, 0], latency=latency)

    def _tell_links(self) -> None:
        for name, state in self.states.items():
            app = name.rpartition("-")[0]
            told = Told(
                instance=name, app=app, unit="unit1", boot="b1", at=self.now.timestamp(),
                state=state, edges=_rows(self.ledger.get(name)),
            )  # fmt: skip
            redis.client(text=False).hset(links.TOLD, mapping={told.name: links.encode(told)})


def follow_modes(mesh: Mesh) -> None:
    """Sidecars take the mode that is intended for them, and can prove themselves."""
    for app in Application.objects.values_list("name", flat=True):
        for name, mode in modes_of(app).items():
            if name not in mesh.silent:
                mesh.states[name] = LinkState(mode=mode, ready=True, issuer="aa", trusts=("aa",))


def _rows(counts: LinkCounts | None) -> tuple[LinkCounts, ...]:
    return () if counts is None else (counts,)
