"""Envoy serves and calls with the mesh's certificates, which rotate under it while it runs."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from meshconsole.discovery import shard
from meshconsole.encryption import issuance
from tests.harness.discovery import Console, free_ports
from tests.harness.wait import eventually_async
from tests.integration.xds.envoys import ROOT, SDS_PYTHON, bootstrap, envoy_binary

ROTATIONS = 3
READY_SECONDS = 30.0
WITHOUT = [
    *(() if SDS_PYTHON.exists() else ("the secret service: make xds",)),
    *(() if envoy_binary() else ("Envoy: make bench-peers, or name it with ENVOY_BIN",)),
]

pytestmark = pytest.mark.skipif(bool(WITHOUT), reason=f"Not installed: {', '.join(WITHOUT)}")


@contextmanager
def process(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        started = subprocess.Popen(argv, cwd=ROOT, stdout=file, stderr=file)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(timeout=10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(timeout=10)


@pytest.fixture
async def origin() -> AsyncIterator[int]:
    """Answers everything with 200."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield int(server.sockets[0].getsockname()[1])
    server.close()


@pytest.fixture
def often_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates live so short that the five minutes they are backdated by are three fifths of
    it: each is renewed as soon as it is there, and no quota ends that."""
    monkeypatch.setattr(issuance, "LEAF_LIFE", timedelta(minutes=3))
    monkeypatch.setattr(shard, "RENEWALS_PER_SECOND", 1000.0)
    monkeypatch.setattr(shard, "RENEWALS_BURST", 1000.0)


def sds_command(console: Console, folder: Path, token: str) -> list[str]:
    (folder / "token").write_text(token)
    (folder / "state").mkdir()
    return [
        str(SDS_PYTHON), "-m", "proxy.sds",
        "--console", f"wss://127.0.0.1:{console.port}",
        "--enrol", f"wss://127.0.0.1:{console.enrol_port}",
        "--join-token-file", str(folder / "token"),
        "--app", "order", "--unit", "unit1", "--group", "Group_1", "--instance", "envoy-1",
        "--address", "127.0.0.1:1", "--state-dir", str(folder / "state"),
        "--socket", str(folder / "sds.sock"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["GRPC", "DELTA_GRPC"])
async def test_certificates_rotate_under_envoy_and_no_request_fails(
    kind: str, console: Console, origin: int, often_renewed: None, tmp_path: Path
) -> None:
    admin, entrance, inner = free_ports(3)
    token = await console.token()
    config = tmp_path / "envoy.json"
    config.write_text(
        json.dumps(
            bootstrap(
                socket=tmp_path / "sds.sock",
                kind=kind,
                admin=admin,
                entrance=entrance,
                inner=inner,
                origin=origin,
            )
        )
    )

    async def listens() -> bool:
        return await asyncio.to_thread((tmp_path / "sds.sock").exists)

    envoy = [str(envoy_binary()), "-c", str(config), "--concurrency", "1", "-l", "warn"]
    with ExitStack() as running:
        sds = running.enter_context(
            process(sds_command(console, tmp_path, token), tmp_path / "sds.log")
        )
        # Envoy that finds nobody asks again after a pause of its own, up to half a minute.
        await eventually_async(listens, timeout=READY_SECONDS)
        running.enter_context(process([*envoy, "--disable-hot-restart"], tmp_path / "envoy.log"))
        async with httpx.AsyncClient(timeout=5.0) as client:

            async def stat(name: str) -> int:
                told = await client.get(f"http://127.0.0.1:{admin}/stats?filter={name}")
                return sum(int(line.rpartition(" ")[2]) for line in told.text.splitlines())

            async def serves() -> bool:
                try:
                    answer = await client.get(f"http://127.0.0.1:{entrance}/")
                except httpx.TransportError:
                    return False
                return answer.status_code == 200

            await eventually_async(serves, timeout=READY_SECONDS)
            statuses: list[int] = []

            async def rotated() -> bool:
                statuses.append((await client.get(f"http://127.0.0.1:{entrance}/")).status_code)
                return await stat("server_ssl_socket_factory.ssl_context_update_by_sds") > ROTATIONS

            await eventually_async(rotated, timeout=READY_SECONDS)
            more = [await client.get(f"http://127.0.0.1:{entrance}/") for _ in range(200)]
            assert {*statuses, *(one.status_code for one in more)} == {200}
            assert await stat("cluster.inner.ssl.handshake") > 200 // 10
            assert await stat("cluster.inner.ssl.fail_verify_error") == 0
            assert await stat("server.hot_restart_epoch") == 0
        assert sds.poll() is None
    said = (tmp_path / "sds.log").read_text()
    assert "PRIVATE KEY" not in said
    kept = [path for path in (tmp_path / "state").iterdir() if b"PRIVATE" in path.read_bytes()]
    assert kept == []
