"""Peers that speak HTTP/2 by the h2 library, as straight or as crooked as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import h2.events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from proxy.assembly import fixed
from proxy.contract.snapshot import ServiceProtocol
from proxy.current import Choice
from proxy.settings import HostPort
from tests.integration.proxy.rig import LOOPBACK, PATIENCE_SECONDS, Stage, origin

Fields = list[tuple[bytes, bytes]]
GET: Fields = [
    (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"upstream"), (b":path", b"/"),
]  # fmt: skip


def head(method: str = "GET", path: str = "/", *more: tuple[str, str]) -> Fields:
    """A request's fields."""
    return [
        (b":method", method.encode()), (b":scheme", b"http"), (b":authority", b"upstream"),
        (b":path", path.encode()), *((name.encode(), value.encode()) for name, value in more),
    ]  # fmt: skip


class Said:
    """What came on one stream."""

    def __init__(self) -> None:
        self.fields: Fields = []
        self.interims: list[bytes] = []
        self.content = b""
        self.trailers: Fields = []
        self.ended = False
        self.reset: ErrorCodes | int | None = None

    def value(self, name: str) -> bytes | None:
        return dict(self.fields).get(name.encode())

    @property
    def status(self) -> int:
        return int(self.value(":status") or 0)

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None


class Peer:
    """One side of a connection; `pump` reads until a fact holds."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: bool
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.h2 = H2Connection(
            H2Configuration(
                client_side=client,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.said: dict[int, Said] = {}
        self.goaways: list[tuple[int, int]] = []
        """Error code and last stream of each."""
        self.closed = False
        self.takes = True
        """Does this peer open its windows again?"""
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def ask(self, fields: Fields, *, end: bool = True) -> int:
        """Begin a request; its stream."""
        stream_id = self.h2.get_next_available_stream_id()
        self.said[stream_id] = Said()
        self.h2.send_headers(stream_id, fields, end_stream=end)
        self.flush()
        return stream_id

    def send(self, stream_id: int, content: bytes, *, end: bool = False) -> None:
        self.h2.send_data(stream_id, content, end_stream=end)
        self.flush()

    async def answer(self, fields: Fields, body: bytes = b"") -> Said:
        """A whole request and its whole answer."""
        stream_id = self.ask(fields, end=not body)
        if body:
            self.send(stream_id, body, end=True)
        return await self.over(stream_id)

    async def over(self, stream_id: int) -> Said:
        await self.pump(lambda: self.said[stream_id].over)
        return self.said[stream_id]

    async def pump(self, fact: Callable[[], bool]) -> None:
        """Read until the fact holds; fails when the connection ends first."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not fact():
                assert not self.closed, f"the connection ended first; goaways: {self.goaways}"
                await self.step()

    async def ended(self) -> None:
        """Read until the connection ends."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.closed:
                await self.step()

    async def step(self) -> None:
        try:
            data = await self.reader.read(65_536)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return
        for event in self._events(data):
            self.hear(event)
        self.flush()

    def _events(self, data: bytes) -> list[h2.events.Event]:
        try:
            return self.h2.receive_data(data)
        except ProtocolError:
            return []  # the library takes nothing after its first GOAWAY

    def hear(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaways.append((int(event.error_code or 0), event.last_stream_id or 0))
            return
        said = self.said.setdefault(getattr(event, "stream_id", None) or 0, Said())
        if isinstance(event, h2.events.RequestReceived | h2.events.ResponseReceived):
            said.fields = list(event.headers or ())
        elif isinstance(event, h2.events.InformationalResponseReceived):
            said.interims.append(dict(event.headers or ())[b":status"])
        elif isinstance(event, h2.events.TrailersReceived):
            said.trailers = list(event.headers or ())
        elif isinstance(event, h2.events.DataReceived):
            said.content += event.data
            if self.takes:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            said.reset = event.error_code
        elif isinstance(event, h2.events.StreamEnded):
            said.ended = True


Handler = Callable[[Peer, int, Said], Awaitable[None]]


@asynccontextmanager
async def client(stage: Stage) -> AsyncIterator[Peer]:
    """A caller of the relay under test."""
    reader, writer = await stage.dial()
    try:
        yield Peer(reader, writer, client=True)
    finally:
        writer.close()


@asynccontextmanager
async def http2_origin(handler: Handler) -> AsyncIterator[int]:
    """An upstream that calls `handler` for each whole request. Gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, client=False)
        done: set[int] = set()
        while not peer.closed:
            await peer.step()
            for stream_id, said in list(peer.said.items()):
                if said.ended and stream_id not in done:
                    done.add(stream_id)
                    await handler(peer, stream_id, said)
                    peer.flush()

    async with origin(serve) as port:
        yield port


async def echo(peer: Peer, stream_id: int, said: Said) -> None:
    """Answers with the body it was sent, and says which path was asked."""
    fields = [(b":status", b"200"), (b"x-path", said.value(":path") or b"")]
    peer.h2.send_headers(stream_id, fields, end_stream=not said.content)
    if said.content:
        peer.h2.send_data(stream_id, said.content, end_stream=True)


def to(*ports: int, protocol: ServiceProtocol = "http2") -> Choice:
    """Endpoints that are spoken to with this protocol."""
    places = tuple(HostPort(LOOPBACK, port) for port in ports)
    return fixed("upstream", places, protocol=protocol)
