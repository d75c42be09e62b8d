"""A console that says what the test tells it to: real sockets, real TLS, no logic of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from proxy.contract import codec
from proxy.contract.digest import canonical, digest_of
from proxy.contract.identity import InstanceIdentity
from proxy.contract.session import (
    CHANNEL,
    ENROLMENT,
    ROOTS_HEADER,
    Bye,
    FromSidecar,
    Hello,
    Join,
    Push,
    Refused,
)
from proxy.contract.snapshot import KINDS, Endpoint, Route, Rule, Service, Share, Snapshot
from tests.harness.authority import TRUST_DOMAIN, MeshRoot

WAIT_SECONDS = 5.0
M = TypeVar("M")


class Stream:
    """One sidecar's connection, as the test drives it."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.heard: asyncio.Queue[FromSidecar] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def send(self, message: msgspec.Struct) -> None:
        """Say a message."""
        await self.socket.send(codec.encode(message).decode())

    async def expect(self, shape: type[M]) -> M:
        """The next message of that shape; others before it are passed over."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                message = await self.heard.get()
                if isinstance(message, shape):
                    return message


class ScriptedConsole:
    """Both doors of a console. `streams` yields each stream as it opens."""

    def __init__(self, root: MeshRoot, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.streams: asyncio.Queue[Stream] = asyncio.Queue()
        self.joins: list[Join] = []
        self.refuse_joins: Refused | Bye | None = None
        self.header = root.header
        self.ports: tuple[int, int] = (0, 0)
        self._servers: list[Server] = []

    @property
    def url(self) -> str:
        """Where sidecars connect."""
        return f"wss://127.0.0.1:{self.ports[0]}"

    @property
    def door(self) -> str:
        """Where sidecars join."""
        return f"wss://127.0.0.1:{self.ports[1]}"

    async def stream(self) -> tuple[Stream, Hello]:
        """The next stream and its hello."""
        async with asyncio.timeout(WAIT_SECONDS):
            stream = await self.streams.get()
        return stream, await stream.expect(Hello)

    async def start(self) -> None:
        """Open both doors; on the same ports as before, if there was a before."""
        channel = await serve(
            self._serve,
            "127.0.0.1",
            self.ports[0],
            ssl=self.root.server_context(self.folder, mutual=True),
            subprotocols=[Subprotocol(CHANNEL)],
            compression=None,
            close_timeout=0.2,
        )
        door = await serve(
            self._join,
            "127.0.0.1",
            self.ports[1],
            ssl=self.root.server_context(self.folder, mutual=False),
            subprotocols=[Subprotocol(ENROLMENT)],
            process_response=self._show_roots,
            close_timeout=0.2,
        )
        self._servers = [channel, door]
        self.ports = (_port(channel), _port(door))

    async def stop(self) -> None:
        """Go away without a word."""
        for server in self._servers:
            for socket in list(server.connections):
                socket.transport.abort()
            server.close()
            await server.wait_closed()
        self._servers = []

    async def _serve(self, socket: ServerConnection) -> None:
        stream = Stream(socket)
        self.streams.put_nowait(stream)
        try:
            async for frame in socket:
                stream.heard.put_nowait(codec.decode_from_sidecar(frame))
        except ConnectionClosed:
            pass
        finally:
            stream.closed.set()

    async def _join(self, socket: ServerConnection) -> None:
        try:
            join = codec.decode_from_sidecar(await socket.recv())
        except ConnectionClosed:
            return
        assert isinstance(join, Join)
        self.joins.append(join)
        if self.refuse_joins is not None:
            await socket.send(codec.encode(self.refuse_joins).decode())
            return
        who = InstanceIdentity(
            trust_domain=TRUST_DOMAIN,
            unit=join.node.unit,
            app=join.node.app,
            instance=join.node.id,
        )
        await socket.send(codec.encode(self.root.cert(join.pem, who.uri)).decode())

    def _show_roots(
        self, socket: ServerConnection, request: Request, response: Response
    ) -> Response:
        headers = Headers(response.headers)
        if self.header:
            headers[ROOTS_HEADER] = self.header
        response.headers = headers
        return response


@asynccontextmanager
async def console(root: MeshRoot, folder: Path) -> AsyncIterator[ScriptedConsole]:
    """A scripted console with both doors open."""
    scripted = ScriptedConsole(root, folder)
    await scripted.start()
    try:
        yield scripted
    finally:
        await scripted.stop()


def whole_push(snapshot: Snapshot, v: int, nonce: str = "n") -> Push:
    """The push a console would make of `snapshot`."""
    kinds: dict[str, dict[str, msgspec.Struct]] = {
        kind: dict(getattr(snapshot, kind)) for kind in KINDS
    }
    return Push(
        nonce=nonce,
        v=v,
        digest=digest_of(snapshot),
        set={
            kind: {name: msgspec.Raw(canonical(one)) for name, one in named.items()}
            for kind, named in kinds.items()
        },
    )


def stock(percent_of_two: float = 0.0, *, names: tuple[str, ...] = ("s1", "s2")) -> Snapshot:
    """Service `stock` with two groups, an endpoint for each name, and a split."""
    endpoints = tuple(
        Endpoint(id=name, addr=f"127.0.0.1:{9000 + at}", group=f"Group_{1 + at % 2}", unit="unit1")
        for at, name in enumerate(names)
    )
    service = Service(name="stock", endpoints=endpoints, groups=("Group_1", "Group_2"))
    split = (
        Share(group="Group_1", percent=100 - percent_of_two),
        Share(group="Group_2", percent=percent_of_two),
    )
    route = Route(name="stock", version=1, rules=(Rule(id="all", split=split),))
    return Snapshot(service={"stock": service}, route={"stock": route})


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])
