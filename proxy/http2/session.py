"""An HTTP/2 connection on a transport: what both sides of the proxy have in common.

Frames of one read, or of one turn of the event loop, leave in one write. What the peer's windows
do not let through waits in its stream; as they open, streams take turns of one frame each.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic
from typing import Any, Generic, TypeVar, cast

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    RemoteSettingsChanged,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)

from proxy.errors import BadMessage
from proxy.http2.fields import fields_of, trailers_of
from proxy.http2.frames import Fault
from proxy.http2.limits import BUFFERED, FRAME_LIMIT
from proxy.http2.stream import Stream
from proxy.http2.wire import Broken, Wire

WRITE_BUFFER = 256 * 1024
"""Bytes that the transport holds for a peer before streams wait."""
S = TypeVar("S", bound=Stream)


class Session(asyncio.Protocol, ABC, Generic[S]):
    """One connection, either side."""

    transport: asyncio.Transport

    def __init__(self, server: bool) -> None:
        self.wire = Wire(server)
        self.streams: dict[int, S] = {}
        self.blocked: dict[int, Stream] = {}
        """Streams with something to send that waits."""
        self.unsent = 0
        """Bytes that wait, over all streams."""
        self.paused = False
        """Does the transport hold as much as it may?"""
        self.ending = False
        """Nothing more is read."""
        self._flush_due = False
        self._reading = False
        self._on: dict[type, Callable[[Any], None]] = {
            DataReceived: self.on_content,
            TrailersReceived: self.on_trailers,
            StreamReset: self.on_reset,
            Broken: self.on_broken,
            WindowUpdated: self.on_window,
            RemoteSettingsChanged: self.on_settings,
            ConnectionTerminated: self.on_goaway,
            PingAckReceived: self.on_pong,
        }

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self.ending:
            return
        self._reading = True
        try:
            for event in self.wire.receive(data, monotonic()):
                self.handle(event)
                if self.is_ending():
                    break
        except Fault as fault:
            self.fail(fault.code, str(fault))
        finally:
            self._reading = False
        if not self.is_ending():
            self.read_over()
        self.flush()

    def is_ending(self) -> bool:
        """Does nothing more count that is read?"""
        return self.ending

    def handle(self, event: Event) -> None:
        """One event of the connection."""
        handler = self._on.get(event.__class__)
        if handler is not None:
            handler(event)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.unblock()

    # what goes

    def flush_soon(self) -> None:
        """Write what there is when this turn of the event loop is over."""
        if not self._flush_due and not self._reading:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what there is."""
        self._flush_due = False
        out = self.wire.output()
        if out and not self.transport.is_closing():
            self.transport.write(out)

    def push(self, stream: Stream, most: int = WRITE_BUFFER) -> bool:
        """Give the wire what it takes of a stream's content, `most` bytes; did any go?"""
        went = 0
        while stream.outbox and went < most:
            part = stream.outbox[0]
            piece = part[: most - went] if len(part) > most - went else part
            last = stream.end and not stream.trailers and stream.unsent == len(piece)
            sent = self.wire.content(stream.stream_id, piece, last)
            went += sent
            stream.unsent -= sent
            self.unsent -= sent
            if sent < len(part):
                stream.outbox[0] = part[sent:]
                if sent < len(piece):
                    break
            else:
                stream.outbox.pop(0)
                stream.sent = last
        if stream.outbox:
            self.blocked[stream.stream_id] = stream
            return went > 0
        self._push_end(stream)
        return True

    def _push_end(self, stream: Stream) -> None:
        self.blocked.pop(stream.stream_id, None)
        if stream.end and not stream.sent:
            stream.sent = True
            if stream.trailers:
                self.wire.head(stream.stream_id, list(fields_of(stream.trailers)), True)
            else:
                self.wire.content(stream.stream_id, b"", True)
        if stream.sent:
            stream.all_sent()

    def unblock(self) -> None:
        """Windows opened, or the transport has room: streams that wait take turns."""
        moved = True
        while moved and self.blocked and not self.paused:
            moved = False
            for stream in list(self.blocked.values()):
                before = stream.unsent
                if not stream.closed and self.push(stream, FRAME_LIMIT):
                    moved = True
                    self.progressed(stream, before - stream.unsent)
                if stream.full and stream.unsent < BUFFERED // 2:
                    stream.full = False
                    stream.set_full(False)
            self.flush()

    def progressed(self, stream: Stream, count: int) -> None:
        """The peer took so many bytes of a stream that waited."""

    def reset(self, stream: S, code: ErrorCodes) -> None:
        """End a stream now, whatever was said on it."""
        if not stream.closed:
            self.wire.reset(stream.stream_id, code)
            self.remove(stream)

    def remove(self, stream: S) -> None:
        """A stream is over."""
        stream.closed = True
        stream.drop_unsent()
        self.blocked.pop(stream.stream_id, None)
        self.streams.pop(stream.stream_id, None)
        self.wire.forget(stream.stream_id)
        self.flush_soon()

    # what comes

    def read_over(self) -> None:
        """All events of one read were handled."""

    def on_content(self, event: DataReceived) -> None:
        """Content of a stream."""
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            content = event.data
            padding = event.flow_controlled_length - len(content)
            stream.content_came(content, padding, event.stream_ended is not None)

    def on_trailers(self, event: TrailersReceived) -> None:
        """The trailer of a stream, which ends it."""
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            try:
                trailers = trailers_of(event.headers or ())
            except BadMessage as error:
                self.broke(stream, str(error))
            else:
                stream.content_came(b"", 0, True, trailers)

    def on_broken(self, event: Broken) -> None:
        """A stream's content is not what was announced."""
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            self.broke(stream, event.sentence)

    def on_window(self, event: WindowUpdated) -> None:
        """The peer takes more, of one stream or of all."""
        if not event.stream_id or event.stream_id in self.blocked:
            self.unblock()

    def on_settings(self, _event: RemoteSettingsChanged) -> None:
        """The peer's settings; its first window may have grown."""
        self.unblock()

    def on_pong(self, event: PingAckReceived) -> None:
        """The peer lives."""

    @abstractmethod
    def on_goaway(self, event: ConnectionTerminated) -> None:
        """The peer takes no more streams above the last it names."""

    @abstractmethod
    def on_reset(self, event: StreamReset) -> None:
        """A stream was ended by the peer, or by the library because of what the peer sent."""

    @abstractmethod
    def broke(self, stream: S, why: str) -> None:
        """The peer's side of a stream is malformed."""

    # the end

    @abstractmethod
    def fail(self, code: ErrorCodes, why: str) -> None:
        """The connection cannot go on."""
