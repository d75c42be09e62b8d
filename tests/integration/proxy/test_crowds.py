"""More callers than there is room for: those inside are served, the others are turned away."""

from __future__ import annotations

import asyncio
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from proxy.encryption.contexts import server_context
from proxy.settings import TlsFiles
from tests.harness.wait import eventually, eventually_async
from tests.integration.proxy.pki import Pki, pki
from tests.integration.proxy.processes import Running, free_port, listens, origin_server
from tests.integration.proxy.rig import LOOPBACK, QUICK, always, ok, origin, relay, run, status_of

__all__ = ["pki"]
FEW = 64
"""Descriptors of a process that has hardly any."""
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_an_address_holds_no_more_connections_than_its_share() -> None:
    limits = msgspec.structs.replace(QUICK, source_connections=3)

    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port, limits=limits) as stage:
            stage.listener.source_limit = limits.source_connections
            held = [await stage.dial() for _ in range(3)]

            async def all_in() -> bool:
                return len(stage.listener.callers) == 3

            await eventually_async(all_in)
            assert await stage.say(ASK) == b""
            assert stage.listener.turned_away == 1
            held.pop()[1].close()

            async def one_left() -> bool:
                return len(stage.listener.callers) == 2

            await eventually_async(one_left)
            assert status_of(await stage.ask("GET / HTTP/1.1\nHost: a")) == 200
            for _, writer in held:
                writer.close()

    run(scene())


def test_who_shakes_hands_for_ever_is_counted_and_ended(pki: Pki) -> None:
    cert, key, ca = (Path(part) for part in pki.flag("proxy").split(","))
    limits = msgspec.structs.replace(QUICK, connections=2, head_seconds=0.5)

    async def scene() -> None:
        tls = server_context(TlsFiles(cert, key, ca))
        async with origin(always(ok())) as port, relay(port, limits=limits, tls=tls) as stage:
            dialled = [await stage.dial() for _ in range(2)]

            async def all_in() -> bool:
                return len(stage.listener.callers) == 2

            await eventually_async(all_in)
            assert await stage.say(b"") == b""
            async with asyncio.timeout(10):
                assert [await reader.read() for reader, _ in dialled] == [b"", b""]
            assert not stage.listener.callers
            for _, writer in dialled:
                writer.close()

    run(scene())


@contextmanager
def _proxy_of_few(upstream: str, log: Path) -> Iterator[Running]:
    port, admin = free_port(), free_port()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "proxy", "--listen", f"{LOOPBACK}:{port}",
                "--upstream", upstream, "--admin", f"{LOOPBACK}:{admin}",
            ],
            stderr=file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW)),
        )  # fmt: skip
    try:
        eventually(lambda: listens(port) and listens(admin), what="it listens")
        yield Running(process, port, admin)
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_a_process_that_runs_out_of_descriptors_serves_on_and_recovers(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        origin_server() as source,
        _proxy_of_few(source.address, log) as proxy,
        ExitStack() as held,
    ):
        guest = held.enter_context(socket.create_connection((LOOPBACK, proxy.port), timeout=10))
        crowd = [
            held.enter_context(socket.create_connection((LOOPBACK, proxy.port), timeout=10))
            for _ in range(4 * FEW)
        ]
        eventually(lambda: _fully_told(proxy, 4 * FEW + 1), what="everybody is in or turned away")
        guest.sendall(ASK)
        assert guest.recv(1000).startswith(b"HTTP/1.1 200"), "a dial still had a descriptor"
        assert proxy.process.poll() is None
        for one in crowd:
            one.close()
        eventually(lambda: _serves(proxy), what="newcomers are served again")
    assert log.read_text().count("Traceback") == 0


def _fully_told(proxy: Running, callers: int) -> bool:
    status, page = proxy.ask_admin("/stats")
    listener = msgspec.json.decode(page)["listeners"]["listen"]
    return status == 200 and listener["accepted"] + listener["turned_away"] >= callers


def _serves(proxy: Running) -> bool:
    try:
        return proxy.get("/")[0] == 200
    except OSError:
        return False
