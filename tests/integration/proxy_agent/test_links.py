"""Two real sidecars under one console: the mode of a link changes while requests run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from proxy.aio import spawn
from proxy.contract.reports import LinkCounts
from proxy.contract.session import Ack, Hello, Links
from proxy.contract.snapshot import Endpoint, Inbound, Offer, Service, Snapshot, TlsMode, Trust
from tests.harness.authority import TRUST_DOMAIN, MeshRoot
from tests.harness.console import ScriptedConsole, Stream, whole_push
from tests.integration.proxy.processes import free_port, origin_server
from tests.integration.proxy.rig import read_answer, status_of

STEPS: list[tuple[TlsMode, Offer]] = [
    ("plaintext", "off"),
    ("preferred", "offered"),
    ("strict", "required"),
    ("preferred", "offered"),
    ("permissive", "off"),
]


@contextmanager
def sidecar(
    app: str, console: ScriptedConsole, folder: Path, address: str, workers: int
) -> Iterator[tuple[int, int]]:
    """A process; where it is called and where it is called through."""
    token = folder / f"{app}-token"
    token.write_text(console.root.token(f"a-secret-of-{app}"))
    inbound, outbound = free_port(), free_port()
    argv = [
        *(sys.executable, "-m", "proxy", "--console", console.url, "--enrol", console.door),
        *("--join-token-file", str(token), "--state-dir", str(folder / app)),
        *("--app", app, "--unit", "unit1", "--group", "g", "--instance", f"{app}-1"),
        *("--inbound", f"127.0.0.1:{inbound}", "--outbound", f"127.0.0.1:{outbound}"),
        *("--app-address", address, "--workers", str(workers)),
    ]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        yield inbound, outbound
    finally:
        process.kill()
        process.wait(15)


def told(root: MeshRoot, mode: TlsMode, offer: Offer, inbound: int) -> Snapshot:
    endpoint = Endpoint(
        id="order-1", addr=f"127.0.0.1:{inbound}", group="g", unit="unit1", tls=offer
    )
    return Snapshot(
        service={"order": Service(name="order", endpoints=(endpoint,), groups=("g",))},
        inbound={"order": Inbound(name="order", mode=mode)},
        trust={"mesh": Trust(name="mesh", domain=TRUST_DOMAIN, roots=(root.pem,))},
    )


async def heard(stream: Stream, fact: Callable[[Links], bool]) -> Links:
    """The first ledger of which it is so; each that comes balances."""
    async with asyncio.timeout(40):
        while True:
            links = await stream.expect(Links)
            for row in links.edges:
                over = row.completed + row.failed + row.cancelled + row.cut
                assert row.started == over + row.in_flight, row
                assert (row.cut, row.failed) == (0, 0), row
            if fact(links):
                return links


def is_open(row: LinkCounts) -> bool:
    return row.opened > row.closed_clean + row.closed_by_peer + row.closed_hard


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_link_is_encrypted_and_plain_again_and_no_request_notices(
    workers: int, console: ScriptedConsole, root: MeshRoot, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        origin = stack.enter_context(origin_server())
        inbound, _ = stack.enter_context(
            sidecar("order", console, tmp_path, origin.address, workers)
        )
        _, outbound = stack.enter_context(
            sidecar("front", console, tmp_path, "127.0.0.1:1", workers)
        )
        streams: dict[str, Stream] = {}
        async with asyncio.timeout(30):
            while len(streams) < 2:
                stream = await console.streams.get()
                streams[(await stream.expect(Hello)).node.app] = stream
        asked = 0
        stop = asyncio.Event()

        async def load() -> None:
            nonlocal asked
            reader, writer = await asyncio.open_connection("127.0.0.1", outbound)
            while not stop.is_set():
                writer.write(b"POST /x HTTP/1.1\r\nHost: order\r\nContent-Length: 3\r\n\r\nabc")
                answer, _ = await read_answer(reader)
                assert status_of(answer) == 200
                asked += 1
            writer.close()

        loading: asyncio.Task[None] | None = None
        for v, (mode, offer) in enumerate(STEPS, 5):
            push = whole_push(told(root, mode, offer, inbound), v)
            for app in ("order", "front") if mode != "plaintext" else ("front", "order"):
                await streams[app].send(push)
                await streams[app].expect(Ack)
            encrypted = offer != "off"

            def is_so(links: Links, encrypted: bool = encrypted) -> bool:
                rows = [row for row in links.edges if row.side == "out" and is_open(row)]
                return bool(rows) and all(row.encrypted == encrypted for row in rows)

            loading = loading or spawn(load(), name="load")
            await heard(streams["front"], is_so)
            assert not loading.done(), loading
        stop.set()
        assert loading is not None
        await loading
        last = await heard(
            streams["front"], lambda links: sum(row.completed for row in links.edges) == asked
        )
        assert sum(row.started for row in last.edges) == asked
        assert len(origin.seen) == asked, "nothing was repeated"
