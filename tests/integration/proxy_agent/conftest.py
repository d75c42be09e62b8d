"""An agent in this process, a scripted console beside it, and pauses that take no time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from proxy import aio
from proxy.agent import Agent
from proxy.contract.session import Links
from proxy.current import Current
from proxy.healing.detector import Detector
from proxy.healing.warden import Warden
from proxy.settings import HostPort, MeshSettings
from proxy.windows import Windows
from tests.harness.authority import MeshRoot
from tests.harness.console import ScriptedConsole, console as scripted


class Member:
    """A sidecar's control side with its surroundings, started and stopped by the test."""

    def __init__(self, folder: Path, console: ScriptedConsole, instance: str = "order-1") -> None:
        self.token_file = folder / "token"
        self.pauses: list[float] = []
        self.settings = MeshSettings(
            console=(console.url,),
            enrol=(console.door,),
            join_token_file=self.token_file,
            app="order",
            unit="unit1",
            group="Group_1",
            instance=instance,
            inbound=HostPort("127.0.0.1", 8001),
            app_address=HostPort("127.0.0.1", 8002),
            outbound=HostPort("127.0.0.1", 8003),
            state_dir=folder / "state",
            interfaces=("GET /orders/{id}",),
        )
        self.begin_anew()

    def begin_anew(
        self,
        in_step: Callable[[], Awaitable[None]] | None = None,
        links: Callable[[], Links] = lambda: Links(at=0.0),
    ) -> None:
        """A new process on the same disk."""
        self.current = Current()
        self.windows = Windows()
        self.detector = Detector()
        self.warden = Warden(self.current)
        self.agent = Agent(
            self.settings,
            self.current,
            self.windows,
            self.detector,
            warden=self.warden,
            random=Random(7),
            sleep=self._pause,
            in_step=in_step,
            links=links,
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run the agent."""
        self.task = aio.spawn(self.agent.run(), name="agent of the test")

    async def kill(self) -> None:
        """End it without a good-bye."""
        await aio.cancelled(self.task)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def root() -> MeshRoot:
    """The mesh's root."""
    return MeshRoot()


@pytest.fixture
async def console(root: MeshRoot, tmp_path: Path) -> AsyncIterator[ScriptedConsole]:
    """A console that does as told."""
    async with scripted(root, tmp_path) as made:
        yield made


@pytest.fixture
async def member(console: ScriptedConsole, root: MeshRoot, tmp_path: Path) -> AsyncIterator[Member]:
    """A sidecar with a good token, not started."""
    made = Member(tmp_path, console)
    made.token_file.write_text(root.token())
    yield made
    await made.kill()
