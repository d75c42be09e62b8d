"""Five hundred callers that are slow on purpose, while polite ones are served as if they were not.

Two proxies stand before one origin, one in plaintext and one with mutual TLS. A hundred callers
each trickle a head, trickle a body, read a large answer in a trickle, say nothing, and trickle a
TLS handshake; whoever is ended comes again, so that all are there while the polite ones call.
Requests are counted at the callers and at the origin. In the end every slow one has been ended in
its time and by its word, and the proxies have as few descriptors as before.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from meshconsole.drill.callers import LOOPBACK
from meshconsole.drill.certificates import client, issue
from meshconsole.drill.crowd import Crowd
from meshconsole.drill.figures import percentile
from meshconsole.drill.generations import Generations
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.origins import Origins
from meshconsole.drill.polite import Door, Polite
from meshconsole.drill.progress import shown
from meshconsole.drill.scene import SERVICE, free_ports, snapshot_of, write
from meshconsole.drill.slowness import LARGE, PATIENCE_SECONDS, kinds
from meshconsole.drill.stage import Figures, Scale
from proxy.aio import cancelled, spawn
from proxy.contract.snapshot import Snapshot

ABOUT = "500 slow callers of five kinds while polite ones stay under 50 ms; each is ended in time"
SCALE = Scale(requests=20_000, changes=0, concurrency=16, rate=800.0)
EACH = 100
"""Slow callers of a kind."""
P99_LIMIT_MS = 50.0
SETTLE_SECONDS = 15.0
COUNT_SECONDS = 0.1
FILES_SLACK = 2
HELD_SHARE = 0.98
"""Those that were just ended are on their way back."""
CALM_SHARE = 5
"""A fifth of the requests is sent before the slow ones come, to compare."""
Say = Callable[[str], None]


def run(say: Say, scale: Scale) -> Figures:
    """Do it, and say what was short."""
    with (
        tempfile.TemporaryDirectory(prefix="mesh-slow-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_run(Path(folder), say, scale))


class _Scene(msgspec.Struct):
    """Two proxies, and what stands before and behind them."""

    plain: Generations
    encrypted: Generations
    origins: Origins
    doors: list[tuple[Door, int, int]]
    crowds: list[Crowd]

    def proxy_of(self, crowd: Crowd) -> Generations:
        """Who has to bear it."""
        return self.encrypted if crowd.kind.name == "handshake" else self.plain

    def files(self) -> int:
        """Open files of both proxies."""
        return self.plain.files() + self.encrypted.files()


async def _run(folder: Path, say: Say, scale: Scale) -> Figures:
    calm, busy = Ledger(scale.requests // CALM_SHARE), Ledger(scale.requests)
    origins = Origins(calm)
    server = await asyncio.start_server(_large, LOOPBACK, 0)
    scene = await _built(folder, scale, origins, int(server.sockets[0].getsockname()[1]))
    try:
        await scene.plain.start()
        await scene.encrypted.start()
        files = scene.files()
        before = Polite(calm, SERVICE, scale.rate)
        await before.fire(scene.doors)
        say(f"Without slow callers: p99 {percentile(before.millis, 99):.2f} ms.")
        kilobytes = {}
        for crowd in scene.crowds:
            kilobytes[crowd.kind.name] = await _gathered(crowd, scene.proxy_of(crowd))
        say(f"Held: {sum(crowd.held for crowd in scene.crowds)}; kB each: {kilobytes}.")
        origins.house.ledger = busy
        polite = Polite(busy, SERVICE, scale.rate)
        held: list[int] = []
        counting = spawn(_count(scene.crowds, held), name="count of slow callers")
        async with shown(busy, say):
            await polite.fire(scene.doors)
        await cancelled(counting)
        say("The polite ones are done; waiting until the last slow one is ended.")
        await asyncio.gather(*(crowd.disperse() for crowd in scene.crowds))
        origins.hang_up()
        after = await _settled(scene, files)
        await scene.plain.stop()
        await scene.encrypted.stop()
    finally:
        scene.plain.kill()
        scene.encrypted.kill()
        origins.close()
        server.close()
    values: dict[str, object] = busy.values() | {
        **{f"calm_{name}": value for name, value in _millis(before).items()},
        **_millis(polite),
        "held_p50": percentile(held, 50),
        "held_least": min(held, default=0),
        "ends": {crowd.kind.name: dict(crowd.ends) for crowd in scene.crowds},
        "longest_seconds": {crowd.kind.name: round(crowd.longest, 1) for crowd in scene.crowds},
        "kb_each": kilobytes,
        "files": [files, after],
    }
    short = calm.short() + busy.short() + _short(scene, polite, held)
    if after > files + FILES_SLACK:
        short.append(f"{files} files were open before and {after} after")
    return Figures(values, short)


async def _built(folder: Path, scale: Scale, origins: Origins, large: int) -> _Scene:
    plain, plain_admin, encrypted, encrypted_admin = free_ports(4)
    file = folder / "snapshot.json"
    write(_with_large(snapshot_of([await origins.listen()]), large), file)
    files = issue(folder)
    tls = ",".join(map(str, files))
    shared = ("--snapshot", str(file))
    flags = [*shared, "--listen", f"{LOOPBACK}:{plain}", "--admin", f"{LOOPBACK}:{plain_admin}"]
    more = [
        *(*shared, "--listen", f"{LOOPBACK}:{encrypted}", "--listen-tls", tls),
        *("--admin", f"{LOOPBACK}:{encrypted_admin}"),
    ]
    kept = max(2, scale.concurrency // 2)
    return _Scene(
        Generations("plain", folder, plain_admin, flags),
        Generations("encrypted", folder, encrypted_admin, more),
        origins,
        [(Door(plain), kept, kept // 2), (Door(encrypted, client(files)), kept // 2, 1)],
        [Crowd(kind, EACH) for kind in kinds(plain, encrypted)],
    )


def _with_large(snapshot: Snapshot, port: int) -> Snapshot:
    """The same with a second service, whose answers are large and whose patience is short."""
    service = snapshot.service[SERVICE]
    endpoint = msgspec.structs.replace(service.endpoints[0], id="large", addr=f"{LOOPBACK}:{port}")
    large = msgspec.structs.replace(
        service,
        name=LARGE,
        endpoints=(endpoint,),
        request_timeout_seconds=PATIENCE_SECONDS,
        idle_timeout_seconds=PATIENCE_SECONDS,
    )
    return Snapshot(service={**snapshot.service, LARGE: large})


async def _large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer of a gibibyte to a GET, and patience with anything else."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET "):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (1 << 30))
            for _ in range(1 << 14):
                writer.write(bytes(1 << 16))
                await writer.drain()
        while await reader.read(1 << 16):
            pass
    except (OSError, EOFError):
        pass
    finally:
        writer.close()


async def _gathered(crowd: Crowd, proxy: Generations) -> float:
    """Kilobytes that each of a crowd costs the proxy, as far as pages of memory tell."""
    before = proxy.resident()
    await crowd.gather()
    await asyncio.sleep(1.0)
    return round((proxy.resident() - before) / 1024 / crowd.size, 1)


async def _count(crowds: list[Crowd], held: list[int]) -> None:
    """Note again and again how many are held."""
    while True:
        held.append(sum(crowd.held for crowd in crowds))
        await asyncio.sleep(COUNT_SECONDS)


async def _settled(scene: _Scene, files: int) -> int:
    """Open files once what was opened is closed again, or after a while."""
    ends = time.monotonic() + SETTLE_SECONDS
    while True:
        now = scene.files()
        if now <= files + FILES_SLACK or time.monotonic() > ends:
            return now
        await asyncio.sleep(COUNT_SECONDS)


def _millis(polite: Polite) -> dict[str, float]:
    return {
        "p50_ms": round(percentile(polite.millis, 50), 2),
        "p99_ms": round(percentile(polite.millis, 99), 2),
        "worst_ms": round(max(polite.millis, default=0.0), 2),
    }


def _short(scene: _Scene, polite: Polite, held: list[int]) -> list[str]:
    short = [line for crowd in scene.crowds for line in crowd.short()]
    if percentile(polite.millis, 99) >= P99_LIMIT_MS:
        short.append(f"one in a hundred polite requests took {P99_LIMIT_MS:.0f} ms or more")
    if percentile(held, 50) < HELD_SHARE * EACH * len(scene.crowds):
        short.append("the slow ones were not all there while the polite ones called")
    return short
