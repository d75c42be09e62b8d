"""Redis is killed and comes back empty: streams stay, changes arrive, nobody is taken out."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from meshconsole.core import redis, redis_server
from meshconsole.inventory import sync
from meshconsole.inventory.models import Instance
from proxy.contract.session import Push, Receipt, Report
from tests.harness.discovery import active, group, running, split, told
from tests.harness.wait import eventually_async


class MortalRedis:
    """A Redis that can be killed and started again at the same address, empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        self._process, self.url = redis_server.start(self._folder)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def mortal(settings: Settings, transactional_db: None) -> Iterator[MortalRedis]:
    with tempfile.TemporaryDirectory(prefix="mesh-redis-") as folder:
        store = MortalRedis(Path(folder))
        store.start()
        settings.MESH_REDIS_URL = store.url
        redis.forget_failures()
        try:
            yield store
        finally:
            store.kill()
            redis.client().close()
            redis.client(text=False).close()
            redis.forget_failures()


async def test_streams_outlive_redis_and_follow_changes_when_it_is_back(
    mortal: MortalRedis,
) -> None:
    async with running() as console:
        stream, first = await active(await console.joined())
        async with stream:
            await group("Group_2")
            mortal.kill()
            await split(30)
            assert await stream.silent(1.0)
            mortal.start()
            push = await stream.expect(Push)
            assert push.v > first.v
            await stream.ack(push)

            async def known_again() -> bool:
                redis.forget_failures()
                states = await told(sync.sync_states)
                return [(one.instance, one.state) for one in states] == [("order-1", "in step")]

            await eventually_async(known_again, timeout=20)
            assert await told(lambda: Instance.objects.get().state) == "serving"


async def test_a_report_during_the_outage_is_receipted_after_it(mortal: MortalRedis) -> None:
    async with running() as console:
        stream, _ = await active(await console.joined())
        async with stream:
            mortal.kill()
            await stream.say(Report(seq=1, window_start=1.0, window_end=2.0))
            assert await stream.silent(1.5)
            mortal.start()
            assert (await stream.expect(Receipt)).seq == 1


async def test_a_sidecar_that_comes_during_the_outage_is_served_from_memory(
    mortal: MortalRedis,
) -> None:
    async with running() as console:
        stays, push = await active(await console.joined("order-1"))
        other = await console.joined("order-2", addr="127.0.0.1:9002")
        async with stays:
            mortal.kill()
            async with await other.opened() as late:
                served = await late.expect(Push)
                assert (served.digest, served.base) == (push.digest, None)
            mortal.start()
