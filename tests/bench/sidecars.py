"""A thousand simulated sidecars against a real daemon: convergence of one change, memory each.

`python -m tests.bench.sidecars --streams 1000` starts Redis and one discovery process in a folder
of its own, opens real mTLS WebSockets from this process, changes a route and waits for the last
acknowledgement that the console can see. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from proxy.aio import spawn
from proxy.contract.codec import encode
from proxy.contract.identity import InstanceIdentity, Node
from proxy.contract.session import CHANNEL, FRAME_LIMIT_BYTES, PROTO, Ack, Have, Hello
from proxy.contract.snapshot import KINDS

APPLICATIONS = 50
UNITS = ("unit1", "unit2")
GROUPS = ("Group_1", "Group_2")
INTERFACES = ("GET /{app}/{id}", "POST /{app}", "GET /{app}/{id}/lines", "DELETE /{app}/{id}")
CONNECTING_AT_ONCE = 64
READY_SECONDS = 300.0


class _Seen(msgspec.Struct, tag_field="type", tag="push"):
    """The part of a push that a simulated sidecar looks at."""

    nonce: str
    v: int
    digest: str


_push = msgspec.json.Decoder(_Seen)


@dataclass
class Generator:
    """Streams of simulated sidecars; each acks every push at once."""

    address: str
    trust_domain: str
    root: Any
    key: Any
    key_pem: str
    acked: dict[str, _Seen] = field(default_factory=dict)
    lost: int = 0
    refused: list[bytes] = field(default_factory=list)
    _open: list[ClientConnection] = field(default_factory=list)

    async def open(self, streams: int) -> None:
        """Open all streams, a bounded number at a time."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await self._connected(number)

        async with asyncio.TaskGroup() as group:
            for number in range(streams):
                group.create_task(one(number))

    async def close(self) -> None:
        """Close every stream."""
        for connection in self._open:
            connection.transport.abort()

    async def _connected(self, number: int) -> None:
        app = f"app-{number % APPLICATIONS:02}"
        unit = UNITS[number // APPLICATIONS % len(UNITS)]
        node = Node(
            id=f"{app}-{number}",
            app=app,
            unit=unit,
            group=GROUPS[number // APPLICATIONS % len(GROUPS)],
            addr=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}:8080",
            boot_id=f"boot-{number}",
            version="bench",
            caps=tuple(sorted(KINDS)),
            interfaces=tuple(name.format(app=app, id="{id}") for name in INTERFACES),
        )
        connection = await connect(
            self.address,
            ssl=self._context(node),
            server_hostname="127.0.0.1",
            subprotocols=[Subprotocol(CHANNEL)],
            compression=None,
            max_size=FRAME_LIMIT_BYTES,
            ping_interval=None,
            open_timeout=60,
            proxy=None,
        )
        self._open.append(connection)
        await connection.send(
            encode(Hello(proto=PROTO, node=node, have=Have(0, "none"))), text=True
        )
        spawn(self._ack_all(node.id, connection), name=f"sidecar-{number}")

    async def _ack_all(self, instance: str, connection: ClientConnection) -> None:
        try:
            while True:
                frame = await connection.recv(decode=False)
                try:
                    push = _push.decode(frame)
                except msgspec.ValidationError:
                    self.refused.append(frame)
                    continue
                ack = Ack(nonce=push.nonce, v=push.v, digest=push.digest, state="active")
                await connection.send(encode(ack), text=True)
                self.acked[instance] = push
        except ConnectionClosed:
            self.lost += 1

    def _context(self, node: Node) -> ssl.SSLContext:
        from meshconsole.discovery.tls import as_file
        from meshconsole.encryption import authority

        identity = InstanceIdentity(
            trust_domain=self.trust_domain, unit=node.unit, app=node.app, instance=node.id
        )
        leaf = authority.leaf_issue(
            self.root,
            key=self.key,
            uri=identity.uri,
            common_name=node.id,
            now=datetime.now(UTC),
            life=timedelta(hours=1),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cadata=self.root.pem)
        with as_file(self.key_pem + leaf.pem) as path:
            context.load_cert_chain(path)
        return context


def figures(streams: int, changes: int, shards: int = 1) -> dict[str, Any]:
    """Run it all; times in ms, memory in kB (of 1,024 bytes)."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mesh-bench-"))
        os.environ["MESH_STATE_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "meshconsole.settings"
        stack.callback(_ended, _redis(Path(folder)))
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        port, enrol_port = _free_ports(2)
        daemon = subprocess.Popen(
            [
                sys.executable, "-m", "meshconsole.discovery", "--shards", str(shards),
                "--port", str(port), "--enrol-port", str(enrol_port),
            ]
        )  # fmt: skip
        stack.callback(_ended, daemon)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_measure(daemon.pid, port, streams, changes))


async def _measure(daemon: int, port: int, streams: int, changes: int) -> dict[str, Any]:
    await _until(lambda: _answers(port), 30)
    generator = await asyncio.to_thread(_generator, port)
    await asyncio.sleep(2)
    before_kb = _rss_kb(daemon)
    started = time.monotonic()
    await generator.open(streams)
    opened = time.monotonic()
    await _until(lambda: asyncio.to_thread(_all_active, streams), READY_SECONDS)
    settled = time.monotonic()
    after_kb = _rss_kb(daemon)
    times, cpu = [], []
    for number in range(changes):
        cpu_before = _cpu_seconds(daemon)
        changed = time.monotonic()
        v = await asyncio.to_thread(_change, number)
        await _until(lambda v=v: _last_acked(generator, streams, v), 60)
        times.append((time.monotonic() - changed) * 1000)
        await _until(lambda v=v: asyncio.to_thread(_all_active, streams, v), 60)
        cpu.append((_cpu_seconds(daemon) - cpu_before) * 1000)
    peak_kb = _rss_kb(daemon)
    await generator.close()
    return {
        "streams": streams,
        "opened_seconds": round(opened - started, 2),
        "settled_seconds": round(settled - started, 2),
        "change_to_last_ack_ms": round(statistics.median(times)),
        "change_to_last_ack_worst_ms": round(max(times)),
        "cpu_ms_per_push_and_ack": round(statistics.median(cpu) / streams, 3),
        "kb_per_stream": round((after_kb - before_kb) / streams, 1),
        "kb_per_stream_after_changes": round((peak_kb - before_kb) / streams, 1),
        "daemon_kb_without_streams": before_kb,
        "streams_lost": generator.lost,
        "frames_refused": len(generator.refused),
    }


def _generator(port: int) -> Generator:
    from django.conf import settings
    from django.utils import timezone

    from meshconsole.encryption import authority
    from meshconsole.encryption.keeping import authority_ensure, root_of

    public, private = authority.key_create()
    root = root_of(authority_ensure(timezone.now()))
    return Generator(f"wss://127.0.0.1:{port}", settings.MESH_TRUST_DOMAIN, root, public, private)


def _change(number: int) -> int:
    from meshconsole.core import revision
    from meshconsole.steering.services import split_set

    percent = number % 99 + 1
    split_set(
        application="app-00",
        split={"Group_1": percent, "Group_2": 100 - percent},
        expected_version=None,
        actor="bench",
        force=True,
    )
    return revision.current()


def _all_active(streams: int, v: int | None = None) -> bool:
    from meshconsole.inventory.models import Instance
    from meshconsole.inventory.sync import progress

    if v is None and Instance.objects.open().count() < streams:
        return False
    return progress(v).acked >= streams


async def _last_acked(generator: Generator, streams: int, v: int) -> bool:
    return sum(seen.v >= v for seen in generator.acked.values()) >= streams


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _until(look: Any, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def _redis(folder: Path) -> subprocess.Popen[bytes] | None:
    from meshconsole.core import redis_server

    process, url = redis_server.start(folder)
    os.environ["MESH_REDIS_URL"] = url
    return process


def _free_ports(count: int) -> list[int]:
    import socket

    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _rss_kb(pid: int) -> int:
    return sum(int(_status(one)["VmRSS"].split()[0]) for one in _family(pid))


def _cpu_seconds(pid: int) -> float:
    ticks = 0
    for one in _family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _ended(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Print the figures as one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=9)
    parser.add_argument("--shards", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(figures(options.streams, options.changes, options.shards)))


if __name__ == "__main__":
    main()
