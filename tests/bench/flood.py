"""One identity forges 10,000 reports a second about 100 victims: `python -m tests.bench.flood`.

A real discovery process with its own Redis and database; the forger is a process of its own with a
real certificate, says one report in each frame and comes back at once whenever it is sent away. An
honest neighbour reports twice a second meanwhile, and each of its reports is timed from when it is
said until it is in the database. The healer's rounds go on each second with a policy that acts by
itself after a cooldown of five seconds: no action may come of it. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.harness import postgres

VICTIM_APPS, VICTIMS_EACH = 10, 10
RATE, SECONDS = 10_000, 30
HONEST_EVERY_SECONDS = 0.5
WAIT_SECONDS = 20.0
_LOOK_SECONDS = 0.01


def figures(database: str, rate: int, seconds: int) -> dict[str, Any]:
    """Run it all; times in ms."""
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
        from tests.harness.discovery import free_ports

        port, enrol_port = free_ports(2)
        _process(
            stack, "meshconsole.discovery", "--port", str(port), "--enrol-port", str(enrol_port)
        )
        return asyncio.run(_measure(stack, port, enrol_port, rate, seconds))


async def _measure(
    stack: ExitStack, port: int, enrol_port: int, rate: int, seconds: int
) -> dict[str, Any]:
    from tests.harness.discovery import Console, active, listens
    from tests.harness.wait import eventually_async

    await eventually_async(lambda: listens(enrol_port), timeout=30)
    console = Console(port, enrol_port)
    stream, _ = await active(await console.joined("gateway-1", app="gateway"))
    token = await console.token(application="gateway")
    async with stream:
        quiet = await _honest(stream, "quiet", 5.0)
        forger = _forger(stack, port, enrol_port, token, rate, seconds)
        healer = asyncio.create_task(_healer())  # noqa: TID251  a bench has no supervisor
        flooded = await _honest(stream, "flooded", float(seconds))
        healer.cancel()
        with suppress(asyncio.CancelledError):
            await healer
    told = json.loads((await asyncio.to_thread(forger.communicate, timeout=60))[0])
    return {
        "forged_offered_per_second": round(told["offered"] / seconds),
        "forged_sent": told["sent"],
        "times_sent_away": told["sent_away"],
        "quiet_worst_ms": round(max(quiet) * 1000),
        "flooded_p50_ms": round(sorted(flooded)[len(flooded) // 2] * 1000),
        "flooded_worst_ms": round(max(flooded) * 1000),
        "honest_reports": len(flooded),
        **await asyncio.to_thread(_what_became),
    }


async def _honest(stream: Any, name: str, seconds: float) -> list[float]:
    """Report twice a second; how long until each was in the database."""
    from proxy.contract.session import Report

    took = []
    until = time.monotonic() + seconds
    number = 0
    while time.monotonic() < until:
        number += 1
        begun, now = time.monotonic(), time.time()
        event = an_event(f"{name}-{number}", "order-0", "order")
        seq = int(now * 1000)
        await stream.say(Report(seq=seq, window_start=now - 1, window_end=now, events=[event]))
        async with asyncio.timeout(WAIT_SECONDS):
            while not await asyncio.to_thread(_is_stored, event.id):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
        took.append(time.monotonic() - begun)
        await asyncio.sleep(max(0.0, HONEST_EVERY_SECONDS - took[-1]))
    return took


async def _healer() -> None:
    from healer import tick

    while True:
        await asyncio.to_thread(lambda: tick.advance(now=datetime.now(UTC)))
        await asyncio.sleep(1.0)


def an_event(id: str, instance: str, app: str) -> Any:
    """A failing report that a caller would send."""
    from proxy.contract.reports import AnomalyReport, Subject

    now = time.time()
    return AnomalyReport(
        id=id,
        subject=Subject(instance=instance, address="", app=app, unit="unit1"),
        phase="failing",
        rule="consecutive",
        window_start=now - 1,
        window_end=now,
        n=50,
        errors={"connect": 50},
        rate=1.0,
        lcb=0.9,
    )


async def forge(port: int, enrol_port: int, token: str, rate: int, seconds: int) -> dict[str, int]:
    """Say so much for so long, whatever the console answers."""
    from websockets.exceptions import ConnectionClosed

    from proxy.contract.codec import encode
    from proxy.contract.session import Report
    from tests.factories import a_node
    from tests.harness.sidecar import Sidecar

    sidecar = Sidecar(port, enrol_port, a_node(id="gateway-666", app="gateway"))
    await sidecar.join(token)
    begun = time.monotonic()
    offered = sent = away = 0
    while time.monotonic() - begun < seconds:
        try:
            async with await sidecar.opened() as stream:
                while (elapsed := time.monotonic() - begun) < seconds:
                    due = int(elapsed * rate)
                    while offered < due:
                        offered += 1
                        victim = offered % (VICTIM_APPS * VICTIMS_EACH)
                        app = f"app-{victim % VICTIM_APPS}"
                        event = an_event(f"forged-{offered}", f"{app}-{victim // VICTIM_APPS}", app)
                        now = time.time()
                        report = Report(
                            seq=offered, window_start=now - 1, window_end=now, events=[event]
                        )
                        await stream.socket.send(encode(report), text=True)
                        sent += 1
                    await asyncio.sleep(0.002)
        except (ConnectionClosed, OSError, TimeoutError, EOFError):
            away += 1
            offered = max(offered, int((time.monotonic() - begun) * rate))
    return {"offered": offered, "sent": sent, "sent_away": away}


def _forger(
    stack: ExitStack, port: int, enrol_port: int, token: str, rate: int, seconds: int
) -> subprocess.Popen[str]:
    given = [str(one) for one in (port, enrol_port, token, rate, seconds)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.flood", "--forge", *given],
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.callback(process.wait, 10)
    stack.callback(process.terminate)
    return process


def _is_stored(id: str) -> bool:
    from meshconsole.healing.models import AnomalyReport

    return AnomalyReport.objects.filter(event_id=id).exists()


def _what_became() -> dict[str, Any]:
    from collections import Counter

    from meshconsole.healing.models import AnomalyReport, HealingCase, Remediation

    cases = Counter(HealingCase.objects.values_list("state", flat=True))
    return {
        "forged_stored": AnomalyReport.objects.filter(reporter_instance="gateway-666").count(),
        "cases": dict(cases),
        "actions": Remediation.objects.count(),
    }


def _estate() -> None:
    from django.utils import timezone

    from meshconsole.healing.models import HealingPolicy
    from meshconsole.inventory.services import instances_register
    from proxy.contract.identity import Node

    names = [(f"app-{app}", number) for app in range(VICTIM_APPS) for number in range(VICTIMS_EACH)]
    nodes = [
        Node(
            id=f"{app}-{number}",
            app=app,
            unit="unit1",
            group="Group_1",
            addr=f"10.0.{at // 250}.{at % 250}:80",
            boot_id="bench",
        )
        for at, (app, number) in enumerate([*names, ("order", 0), ("gateway", 1)])
    ]
    instances_register(nodes, timezone.now())
    HealingPolicy.objects.create(
        application="",
        mode="auto",
        numbers={"cooldown_seconds": 5},
        updated_by="bench",
        updated_at=timezone.now(),
    )


def _redis(folder: Path, stack: ExitStack) -> None:
    from meshconsole.core import redis_server

    process, url = redis_server.start(folder)
    os.environ["MESH_REDIS_URL"] = url
    if process is not None:
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)


def _process(stack: ExitStack, module: str, *arguments: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stderr=subprocess.DEVNULL
    )
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)


def main() -> None:
    """Print the figures as one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--forge", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.forge:
        import django

        django.setup()
        port, enrol_port, token, rate, seconds = given.forge
        told = asyncio.run(forge(int(port), int(enrol_port), token, int(rate), int(seconds)))
        print(json.dumps(told))
        return
    print(json.dumps(figures(given.database, given.rate, given.seconds)))


if __name__ == "__main__":
    main()
