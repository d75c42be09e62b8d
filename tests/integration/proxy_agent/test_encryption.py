"""A whole sidecar that joined, with workers and over a handover: it proves who it is everywhere."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.contract.session import Ack
from proxy.contract.snapshot import Snapshot
from tests.harness.authority import MeshRoot
from tests.harness.console import ScriptedConsole, Stream, whole_push
from tests.harness.wait import eventually_async
from tests.integration.proxy.guarded import application, caller_context, told
from tests.integration.proxy.processes import free_port
from tests.integration.proxy.rig import LOOPBACK, status_of

ASK = b"GET /orders/1 HTTP/1.1\r\nHost: order\r\nConnection: close\r\n\r\n"
PATIENCE_SECONDS = 30.0


class Process:
    """A sidecar of `order` and where it is reached."""

    def __init__(self, process: asyncio.subprocess.Process, inbound: int, admin: int) -> None:
        self.process = process
        self.inbound = inbound
        self.admin = admin

    async def ask(self, tls: ssl.SSLContext | None = None) -> int:
        return status_of(await self._say(self.inbound, ASK, tls))

    async def page(self, path: str) -> bytes:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer = await self._say(self.admin, head.encode())
        return answer.partition(b"\r\n\r\n")[2]

    async def stats(self) -> dict[str, object]:
        stats: dict[str, object] = json.loads(await self.page("/stats"))
        return stats

    async def encryption(self) -> dict[str, object]:
        state = (await self.stats())["encryption"]
        assert isinstance(state, dict)
        return state

    async def _say(self, port: int, said: bytes, tls: ssl.SSLContext | None = None) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(
                LOOPBACK, port, ssl=tls, server_hostname=None if tls is None else ""
            )
            try:
                writer.write(said)
                return await reader.read(-1)
            finally:
                writer.close()


@asynccontextmanager
async def sidecar(
    console: ScriptedConsole, folder: Path, port: int, workers: int
) -> AsyncIterator[Process]:
    inbound, admin = free_port(), free_port()
    token = folder / "token"
    token.write_text(console.root.token())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy", "--console", console.url, "--enrol", console.door),
        *("--join-token-file", str(token), "--state-dir", str(folder / "state")),
        *("--app", "order", "--unit", "unit1", "--group", "Group_1", "--instance", "order-1"),
        *("--inbound", f"{LOOPBACK}:{inbound}", "--outbound", f"{LOOPBACK}:{free_port()}"),
        *("--app-address", f"{LOOPBACK}:{port}", "--admin", f"{LOOPBACK}:{admin}"),
        *("--workers", str(workers), "--handover", str(folder / "handover")),
    )
    try:
        yield Process(process, inbound, admin)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)


async def put_in_force(stream: Stream, snapshot: Snapshot, v: int) -> None:
    await stream.send(whole_push(snapshot, v))
    assert (await stream.expect(Ack)).v == v


async def until_ready(running: Process, mode: str) -> dict[str, object]:
    async def ready() -> dict[str, object] | None:
        state = await running.encryption()
        return state if state.get("ready") and state.get("mode", "plaintext") == mode else None

    state = await eventually_async(ready, timeout=PATIENCE_SECONDS)
    assert state is not None
    return state


@pytest.mark.parametrize("workers", [1, 2])
async def test_every_worker_shows_what_the_parent_joined_with(
    console: ScriptedConsole, root: MeshRoot, tmp_path: Path, workers: int
) -> None:
    front = caller_context(root=root)
    async with (
        application() as port,
        sidecar(console, tmp_path, port, workers) as running,
    ):
        stream, _ = await console.stream()
        await put_in_force(stream, told("plaintext", (root,)), 1)
        state = await until_ready(running, "plaintext")
        assert state["trusts"] == [state["issuer"]]
        await put_in_force(stream, told("permissive", (root,)), 2)
        await until_ready(running, "permissive")
        for _ in range(4):
            assert await running.ask() == 200
            assert await running.ask(front) == 200
        await put_in_force(stream, told("strict", (root,)), 3)
        await until_ready(running, "strict")
        for _ in range(4):
            assert await running.ask() == 403
            assert await running.ask(front) == 200

        async def counted() -> bool:
            page = await running.page("/metrics")
            return b'meshproxy_callers_refused_total{reason="plaintext"} 4' in page

        await eventually_async(counted)
        assert b'meshproxy_tls_mode{mode="strict"} 1' in await running.page("/metrics")
        assert (await running.encryption())["plain_sources"] == [LOOPBACK]


@pytest.mark.parametrize("workers", [1, 2])
async def test_who_takes_over_goes_on_with_the_same_identity(
    console: ScriptedConsole, root: MeshRoot, tmp_path: Path, workers: int
) -> None:
    front = caller_context(root=root)
    async with (
        application() as port,
        sidecar(console, tmp_path, port, workers) as running,
    ):
        stream, _ = await console.stream()
        await put_in_force(stream, told("strict", (root,)), 1)
        before = await until_ready(running, "strict")
        first = (await running.stats())["pid"]
        running.process.send_signal(signal.SIGUSR2)

        async def taken_over() -> object:
            pid = (await running.stats())["pid"]
            return pid if pid != first else None

        second = await eventually_async(taken_over, timeout=PATIENCE_SECONDS)
        after = await until_ready(running, "strict")
        assert after["serial"] == before["serial"]
        for _ in range(4):
            assert await running.ask(front) == 200
            assert await running.ask() == 403
        assert len(console.joins) == 1
        await asyncio.wait_for(running.process.wait(), PATIENCE_SECONDS)
        assert isinstance(second, int)
        os.kill(second, signal.SIGTERM)
