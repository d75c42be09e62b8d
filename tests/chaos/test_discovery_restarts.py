"""The daemon is killed and started again: sidecars find it, and are told only what they lack."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from meshconsole.inventory import sync
from meshconsole.inventory.models import Instance
from proxy.contract.session import Bye, Have, Push
from tests.harness.discovery import Console, active, free_ports, group, listens, split, told
from tests.harness.wait import eventually, eventually_async

READY_SECONDS = 30


class Daemon:
    """`python -m meshconsole.discovery` on the test's database and Redis."""

    def __init__(self, redis_url: str, shards: int = 1) -> None:
        self.port, self.enrol_port = free_ports(2)
        self._shards = shards
        self._environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.live_settings",
            "MESH_TEST_DATABASE": str(connection.settings_dict["NAME"]),
            "MESH_TEST_REDIS": redis_url,
            "MESH_KEK_FILE": str(settings.MESH_KEK_FILE),
            "MESH_STATE_DIR": str(settings.STATE_DIR),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def console(self) -> Console:
        return Console(self.port, self.enrol_port)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        self._process = await asyncio.to_thread(
            subprocess.Popen,
            [
                sys.executable, "-m", "meshconsole.discovery", "--port", str(self.port),
                "--enrol-port", str(self.enrol_port), "--shards", str(self._shards),
            ],
            env=self._environment,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        await eventually_async(lambda: listens(self.enrol_port), timeout=READY_SECONDS)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(timeout=20)
        self._process = None
        return code


@pytest.fixture
def daemon(transactional_db: None, mesh_redis: str) -> Iterator[Daemon]:
    made = Daemon(mesh_redis)
    yield made
    made.kill()


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_killed_and_back_it_tells_sidecars_only_what_they_lack(daemon: Daemon) -> None:
    await daemon.start()
    sidecar = await daemon.console.joined()
    stream, push = await active(sidecar)
    await group("Group_2")
    push = await stream.expect(Push)
    await stream.ack(push)
    daemon.kill()
    await stream.closed()
    await daemon.start()
    async with await sidecar.opened(have=Have(push.v, push.digest)) as again:
        assert await again.silent(1.0)
        await split(40)
        later = await again.expect(Push)
        assert (later.base, set(later.set)) == (push.digest, {"route"})
        await again.ack(later)

        async def in_step() -> bool:
            return (await told(sync.progress)).percent == 100.0

        await eventually_async(in_step)
    assert await told(lambda: Instance.objects.get().state) == "serving"


async def test_asked_to_end_it_sends_sidecars_away_with_a_time_to_come_back(
    daemon: Daemon,
) -> None:
    await daemon.start()
    stream, _ = await active(await daemon.console.joined())
    async with stream:
        bye, code = await asyncio.gather(stream.expect(Bye), asyncio.to_thread(daemon.terminate))
        assert bye.retry_after_ms > 0
        assert code == 0


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at /proc")
async def test_shards_share_the_ports_are_kept_alive_and_end_with_their_parent(
    transactional_db: None, mesh_redis: str
) -> None:
    daemon = Daemon(mesh_redis, shards=2)
    try:
        await daemon.start()
        parent = daemon.pid
        eventually(lambda: len(children_of(parent)) == 2, timeout=READY_SECONDS)
        victim = children_of(parent)[0]
        os.kill(victim, signal.SIGKILL)
        eventually(
            lambda: len(children_of(parent)) == 2 and victim not in children_of(parent),
            timeout=READY_SECONDS,
        )
        stream, _ = await active(await daemon.console.joined())
        async with stream:
            shards = children_of(parent)
            daemon.kill()
            eventually(lambda: not any(map(is_alive, shards)), timeout=READY_SECONDS)
    finally:
        daemon.kill()
