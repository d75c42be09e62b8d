"""How fast reports become durable: `python -m tests.bench.ingest --database postgres`.

One shard's intake with its fair queue and its one database thread, fed by simulated sidecars in its
own process; what comes before it (TLS, WebSocket, JSON) is measured by `tests.bench.sidecars`. Each
report is a message of its own, the worst case for batching. First reports come at the promised
rate, and each is timed from its arrival to the commit; then as many as fit are there at once, and
what is counted is how many are stored in a second, and what CPU each costs. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.harness import postgres

REPORTERS, SUBJECTS = 400, 20
RATES = {"postgres": 2000, "sqlite": 500}
SECONDS = 8
AT_ONCE = 10_000
_TICK_SECONDS = 0.01


def figures(database: str, rate: int, seconds: int, at_once: int) -> dict[str, Any]:
    """Run it all against a database of its own; times in ms."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mesh-bench-"))
        os.environ["MESH_STATE_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "meshconsole.settings"
        if database == "postgres":
            os.environ["MESH_DATABASE_URL"] = stack.enter_context(postgres.running())
        _redis(Path(folder), stack)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        _estate()
        return asyncio.run(_measure(rate, seconds, at_once))


async def _measure(rate: int, seconds: int, at_once: int) -> dict[str, Any]:
    bench = _Bench()
    await bench.warmed()
    late = await bench.at_rate(rate, seconds)
    millis = sorted(took * 1000 for took in late)
    begun, cpu = time.monotonic(), _cpu_seconds()
    await bench.at_once(at_once)
    took, spent = time.monotonic() - begun, _cpu_seconds() - cpu
    await bench.close()
    return {
        "rate": rate,
        "lost": bench.said - await asyncio.to_thread(_stored),
        "p50_ms": round(millis[len(millis) // 2], 1),
        "p99_ms": round(millis[int(len(millis) * 0.99)], 1),
        "worst_ms": round(millis[-1], 1),
        "at_once_per_second": round(at_once / took),
        "per_cpu_second": round(at_once / spent),
        "refused": sum(bench.counts[name] for name in bench.counts if name != "reports"),
    }


class _Bench:
    """An intake, its sidecars, and when each report came and was stored."""

    def __init__(self) -> None:
        from meshconsole.discovery import intake
        from meshconsole.discovery.desk import Desk
        from proxy.aio import spawn

        intake.BURST = 1e9
        bench = self

        class Timed(Desk):
            async def ask(self, work: Any, *args: Any, **kwargs: Any) -> Any:
                answer = await super().ask(work, *args, **kwargs)
                bench.committed(args[0])
                return answer

        self.counts: Counter[str] = Counter()
        self._desk = Timed("bench", keeps=True)
        self._intake = intake.Intake(
            self._desk,
            _NoWindows(),  # type: ignore[arg-type]
            self.counts,
            _unheard,
            clock=time.monotonic,
            now=lambda: datetime.now(UTC),
        )
        self._streams = [_stream(number) for number in range(REPORTERS)]
        self._at: dict[int, float] = {}
        self._late: list[float] = []
        self.said = 0
        """How many reports, each once."""
        self._stored_all = asyncio.Event()
        self._tasks = [
            spawn(self._intake.run_events(), name="bench-events"),
            spawn(self._intake.run_windows(), name="bench-windows"),
        ]

    async def warmed(self) -> None:
        """Connections are open, and there is an anomaly of each subject."""
        await self.at_once(2 * REPORTERS)
        self._late.clear()

    async def at_rate(self, rate: int, seconds: int) -> list[float]:
        """Say so many in each second, whatever becomes of them; returns how long each took."""
        begun = time.monotonic()
        for said in range(rate * seconds):
            due = begun + said / rate
            if due - time.monotonic() > _TICK_SECONDS:
                await asyncio.sleep(_TICK_SECONDS)
            elif said % 50 == 0:
                await asyncio.sleep(0)
            self._say()
        await self._settled()
        late, self._late = self._late, []
        return late

    async def at_once(self, count: int) -> None:
        """Say so many and wait until all are stored."""
        for _ in range(count):
            self._say()
        await self._settled()

    def committed(self, messages: Any) -> None:
        """These are durable now."""
        now = time.monotonic()
        self._late += [now - self._at.pop(message.seq) for message in messages]
        if not self._at:
            self._stored_all.set()

    async def close(self) -> None:
        """Stop."""
        from proxy.aio import cancelled

        for task in self._tasks:
            await cancelled(task)
        self._desk.close()

    def _say(self) -> None:
        self.said += 1
        self._stored_all.clear()
        self._at[self.said] = time.monotonic()
        stream = self._streams[self.said % REPORTERS]
        if not self._intake.take(stream, _report(self.said, self.said // REPORTERS % SUBJECTS)):
            raise RuntimeError(f"a report was not taken: {dict(self.counts)}")

    async def _settled(self) -> None:
        async with asyncio.timeout(120):
            await self._stored_all.wait()


class _NoWindows:
    """Traffic is not what is measured here."""

    def add(self, *given: Any) -> bool:
        return True

    async def flush(self) -> None:
        return None


async def _unheard(stream: Any, receipt: Any) -> None:
    return None


def _stream(number: int) -> Any:
    from meshconsole.discovery.streams import Stream
    from proxy.contract.identity import InstanceIdentity, Node

    identity = InstanceIdentity(
        trust_domain="mesh.local", unit="unit1", app="gateway", instance=f"gateway-{number}"
    )
    node = Node(
        id=identity.instance,
        app="gateway",
        unit="unit1",
        group="Group_1",
        addr="127.0.0.1:1",
        boot_id=f"boot-{number}",
    )
    return Stream(None, node, identity, None)  # type: ignore[arg-type]


def _report(seq: int, subject: int) -> Any:
    from proxy.contract.reports import AnomalyReport, AnomalySample, Peers, Subject
    from proxy.contract.session import Report

    now = time.time()
    event = AnomalyReport(
        id=f"bench-{seq}",
        subject=Subject(
            instance=f"order-{subject}", address="10.0.0.1:80", app="order", unit="unit1"
        ),
        phase="failing",
        rule="error_rate",
        window_start=now - 5,
        window_end=now,
        n=200,
        errors={"5xx": 90, "timeout": 10},
        rate=0.5,
        lcb=0.41,
        peers=Peers(count=9, median=0.01, pooled=0.012),
        interfaces=("GET /order/{id}", "POST /order"),
        samples=tuple(
            AnomalySample(error="5xx", detail="503", elapsed_seconds=0.2, trace_id="a" * 32)
            for _ in range(3)
        ),
    )
    return Report(seq=seq, window_start=now - 1, window_end=now, events=[event])


def _estate() -> None:
    from django.utils import timezone

    from meshconsole.inventory.services import instances_register
    from proxy.contract.identity import Node

    names = [("gateway", number) for number in range(REPORTERS)]
    names += [("order", number) for number in range(SUBJECTS)]
    nodes = [
        Node(
            id=f"{app}-{number}",
            app=app,
            unit="unit1",
            group="Group_1",
            addr=f"10.0.{number // 250}.{number % 250}:80",
            boot_id="bench",
        )
        for app, number in names
    ]
    for begin in range(0, len(nodes), 200):
        instances_register(nodes[begin : begin + 200], timezone.now())


def _redis(folder: Path, stack: ExitStack) -> None:
    from meshconsole.core import redis_server

    process, url = redis_server.start(folder)
    os.environ["MESH_REDIS_URL"] = url
    if process is not None:
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)


def _stored() -> int:
    from meshconsole.healing.models import AnomalyReport

    return AnomalyReport.objects.count()


def _cpu_seconds() -> float:
    """Of this process; the database's own is told by its rate."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the figures as one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=sorted(RATES), default="sqlite")
    parser.add_argument("--rate", type=int)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    given = parser.parse_args()
    rate = given.rate or RATES[given.database]
    print(json.dumps(figures(given.database, rate, given.seconds, given.at_once)))


if __name__ == "__main__":
    main()
