"""Callers that count: what each asked of a proxy, and exactly what it heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from proxy.aio import spawn
from proxy.contract.snapshot import Endpoint, Service, Snapshot
from tests.harness.wait import eventually
from tests.integration.proxy.processes import Running, alone
from tests.integration.proxy.rig import LOOPBACK, PATIENCE_SECONDS, until

GETTING, POSTING = 3, 3
"""Callers of each kind. As many requests of one service as may be sent again at a time, whatever
the load: so that no retry of theirs is refused for want of budget."""
HOST = "stock"


class Said(msgspec.Struct, frozen=True):
    """What a caller heard of one request; status 0 when no answer began."""

    status: int
    flag: str
    body: bytes
    whole: bool

    @property
    def is_refusal(self) -> bool:
        """Did the proxy answer this itself?"""
        return self.whole and bool(self.flag)


class Caller:
    """One connection at a time, kept for as long as the proxy keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> Said:
        """One request and all that is heard of it."""
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{length}\r\n"
        await self.write(head.encode() + body)
        return await self.hear()

    async def write(self, data: bytes) -> None:
        """Say something, on a new connection if there is none."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(LOOPBACK, self._port)
        self._writer.write(data)

    async def hear(self) -> Said:
        """The next answer."""
        assert self._reader is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            said, stays = await heard(self._reader)
        if not stays:
            self.close()
        return said

    def close(self) -> None:
        """Leave."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None


async def heard(reader: asyncio.StreamReader) -> tuple[Said, bool]:
    """An answer, and whether its connection stays open."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Said(0, "", b"", False), False
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = bytearray()
    try:
        if fields.get("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += await reader.readexactly(size)
                assert await reader.readexactly(2) == b"\r\n"
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
        else:
            body += await reader.readexactly(int(fields["content-length"]))
        whole = True
    except asyncio.IncompleteReadError as end:
        body += end.partial
        whole = False
    except ConnectionError:
        whole = False
    said = Said(int(first.split(" ")[1]), fields.get("x-mesh-flag", ""), bytes(body), whole)
    return said, whole and fields.get("connection") != "close"


class Load:
    """Requests under way until told to stop, each with a path of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stopped = False
        self.said: dict[str, Said] = {}
        """By path; `/get/N` may be repeated, `/post/N` may not."""

    def count(self, method: str) -> int:
        """Requests of that method that are over."""
        return sum(path.startswith(f"/{method}/") for path in self.said)

    @property
    def refusals(self) -> int:
        """Requests that the proxy answered itself."""
        return sum(said.is_refusal for said in self.said.values())

    async def more(self, n: int) -> None:
        """Wait until so many more of each kind are over."""
        before = [self.count(method) for method in ("get", "post")]
        await until(
            lambda: all(
                self.count(method) >= was + n
                for method, was in zip(("get", "post"), before, strict=True)
            )
        )

    def stop(self) -> None:
        """Begin no more."""
        self._stopped = True

    async def ask(self, method: str, numbers: Iterable[int]) -> None:
        """Ask one after another on one connection."""
        caller = Caller(self._port)
        for n in numbers:
            if self._stopped:
                break
            path = f"/{method}/{n}"
            body = path.encode() if method == "post" else b""
            self.said[path] = await caller.ask(method.upper(), path, body)
        caller.close()


@asynccontextmanager
async def load(running: Running, most: int = 100_000) -> AsyncIterator[Load]:
    """Callers of both kinds while the block lasts, and until each has its last answer."""
    under = Load(running.port)
    kinds = (("get", GETTING), ("post", POSTING))
    callers = [
        spawn(under.ask(kind, range(n, most, of)), name=f"{kind} {n}")
        for kind, of in kinds
        for n in range(of)
    ]
    try:
        yield under
    finally:
        under.stop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*callers)


@contextmanager
def meshed(folder: Path, *ports: int, **patience: float) -> Iterator[Running]:
    """A proxy process with a snapshot of one service at these ports; when the block is over nothing
    may be left of what it did."""
    endpoints = tuple(
        Endpoint(id=str(port), addr=f"{LOOPBACK}:{port}", group="g", unit="u") for port in ports
    )
    service = Service(name=HOST, endpoints=endpoints, groups=("g",))
    service = msgspec.structs.replace(service, **patience)
    path = folder / "mesh.json"
    path.write_bytes(msgspec.json.encode(Snapshot(service={HOST: service})))
    with alone("--snapshot", str(path)) as running:
        _held(running)  # whatever is loaded at the first question
        before = _held(running)
        assert (before.under_way, before.busy_connections) == (0, 0)
        yield running
        eventually(lambda: _held(running) == before, what="everything is given back")


class Seen(msgspec.Struct):
    """An endpoint, as the proxy counts it."""

    id: str
    attempts: int
    in_flight: int
    connections: int
    idle: int
    waiting: int


class Door(msgspec.Struct):
    """The listener."""

    callers: int
    refusals: dict[str, int]
    retries_refused: int
    endpoints: list[Seen]


class Stats(msgspec.Struct):
    """What the proxy says of itself."""

    tasks: int
    listeners: dict[str, Door]

    @property
    def door(self) -> Door:
        return self.listeners["listen"]


def stats_of(running: Running) -> Stats:
    """Ask it."""
    return msgspec.json.decode(running.ask_admin("/stats")[1], type=Stats)


def in_flight(running: Running, port: int) -> int:
    """Attempts under way at one endpoint."""
    return sum(one.in_flight for one in stats_of(running).door.endpoints if one.id == str(port))


class _Held(msgspec.Struct, frozen=True):
    """What a proxy holds: it is at rest when this is what it was."""

    tasks: int
    callers: int
    under_way: float
    busy_connections: int
    descriptors: int
    """But those of kept connections."""


def _held(running: Running) -> _Held:
    stats = stats_of(running)
    door = stats.door
    metrics = running.ask_admin("/metrics")[1].decode().splitlines()
    gauges = [line for line in metrics if "requests_in_flight{" in line]
    assert gauges
    kept = sum(one.connections for one in door.endpoints)
    return _Held(
        tasks=stats.tasks,
        callers=door.callers,
        under_way=sum(float(line.rpartition(" ")[2]) for line in gauges),
        busy_connections=kept - sum(one.idle for one in door.endpoints),
        descriptors=sum(1 for _ in Path(f"/proc/{running.process.pid}/fd").iterdir()) - kept,
    )
