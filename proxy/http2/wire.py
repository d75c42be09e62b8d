"""One HTTP/2 connection, sans-io: bytes in, events out; what is to be said in, bytes out.

The h2 library keeps the states, the windows and the tables. It is given one whole frame at a time,
after `frames` and `limits` have judged it, so every way of cutting the bytes gives the same events,
and what came before a bad frame is heard before the connection ends. Three things it does not do:
it takes GOAWAY for the end of everything, it ends a whole connection for one stream whose content
is not as long as announced, and it does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, TrailersReceived
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

from proxy.http1.heads import ANSWER_HEAD_LIMIT
from proxy.http2.compression import Decoder, Encoder
from proxy.http2.frames import (
    CONTINUATION,
    DATA,
    END_STREAM,
    GOAWAY,
    HEAD_BYTES,
    HEADERS,
    PUSH_PROMISE,
    RST_STREAM,
    Cutter,
    Fault,
    Frame,
)
from proxy.http2.limits import (
    CONNECTION_WINDOW,
    FRAME_LIMIT,
    HEADER_LIST,
    STREAM_WINDOW,
    STREAMS,
    STREAMS_SLACK,
    Conduct,
)
from proxy.sniff import PREFACE

CLOSED_STREAMS_KNOWN = 256
"""Ended streams whose end is remembered, to know a late frame from a wrong one."""
STREAMS_UNCOUNTED = 16
LAST_STREAM = (1 << 31) - 1
_CONTENTLESS = frozenset({2, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16})
"""Kinds that are only counted: priorities, settings, pings, windows, and what nobody knows."""


class Broken(Event):
    """A stream's content is not as long as announced, or its end is malformed."""

    def __init__(self, stream_id: int, sentence: str) -> None:
        self.stream_id = stream_id
        self.sentence = sentence


class _Connection(H2Connection):
    """The library's connection, but that it does not count all its streams whenever one begins."""

    MAX_CLOSED_STREAMS = CLOSED_STREAMS_KNOWN
    count_at = STREAMS_UNCOUNTED
    """So many streams, open or over, are taken for open without a look."""

    @property
    def open_inbound_streams(self) -> int:
        """How many are open, or a few more; they are counted, and the ended ones forgotten, when it
        could matter or when twice as many as were open are kept."""
        if len(self.streams) < self.count_at:
            return len(self.streams)
        return self._counted(super().open_inbound_streams)

    @property
    def open_outbound_streams(self) -> int:
        """The same for the other side."""
        most = min(self.count_at, self.remote_settings.max_concurrent_streams)
        if len(self.streams) < most:
            return len(self.streams)
        return self._counted(super().open_outbound_streams)

    def _counted(self, opened: int) -> int:
        self.count_at = min(STREAMS, 2 * opened + STREAMS_UNCOUNTED)
        return opened


class Wire:
    """The state of one connection; `server` says which side this is."""

    __slots__ = ("_arrived", "_cutter", "_expected", "_h2", "_out", "_server", "conduct", "over")

    def __init__(self, server: bool) -> None:
        self._server = server
        self._cutter = Cutter(server)
        self._expected: dict[int, int] = {}
        """Bytes of content still to come, of streams that announced how many."""
        self._arrived = 0
        """Bytes that came since the connection's window was last opened."""
        self.conduct = Conduct()
        self.over = False
        """Nothing more is read: the connection has failed."""
        self._h2 = _Connection(
            H2Configuration(
                client_side=not server,
                # `fields` judges and writes every head; a second judge would only cost time
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._h2.encoder = Encoder()
        self._h2.decoder = Decoder()
        if server:
            self._h2.receive_data(PREFACE)  # `frames` has read the peer's, or will
        self._out = self._greeting()

    def _greeting(self) -> bytes:
        connection = self._h2
        connection.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = STREAMS + STREAMS_SLACK
        connection.local_settings.acknowledge()
        connection.initiate_connection()
        connection.clear_outbound_data_buffer()
        settings = {
            SettingCodes.MAX_HEADER_LIST_SIZE: HEADER_LIST,
            SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS,
        }
        if not self._server:
            settings = {
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.MAX_HEADER_LIST_SIZE: ANSWER_HEAD_LIMIT,
            }
        more = CONNECTION_WINDOW - STREAM_WINDOW
        connection.increment_flow_control_window(more)
        said = (
            SettingsFrame(0, settings={int(k): v for k, v in settings.items()}).serialize()
            + connection.data_to_send()
        )
        return said if self._server else PREFACE + said

    # what comes in

    @property
    def is_within(self) -> bool:
        """Has the peer begun something that is not whole?"""
        return self._cutter.is_within

    @property
    def most_streams(self) -> int:
        """Streams that the peer lets this side have open at once."""
        return self._h2.remote_settings.max_concurrent_streams

    def receive(self, data: bytes, now: float) -> Iterator[Event]:
        """What these bytes mean, in order; raises Fault, after which the connection is over."""
        try:
            for frame in self._cutter.feed(data):
                yield from self._receive(frame, now)
                if self.over:
                    return
        except Fault:
            self.over = True
            raise
        except ProtocolError as error:
            self.over = True
            self._h2.clear_outbound_data_buffer()
            raise Fault(ErrorCodes(error.error_code), _sentence(error)) from None

    def expect(self, stream_id: int, length: int) -> None:
        """So many bytes of content were announced; what differs gives `Broken`."""
        self._expected[stream_id] = length

    def _receive(self, frame: Frame, now: float) -> Iterable[Event]:
        self._count(frame, now)
        if frame.kind == DATA:
            return self._receive_content(frame, now)
        if frame.kind == GOAWAY:
            return self._receive_goaway(frame)
        if frame.kind == RST_STREAM and self._is_idle(frame.stream_id):
            raise Fault(ErrorCodes.PROTOCOL_ERROR, "A stream that never began was reset.")
        if frame.kind == PUSH_PROMISE and not self._server:
            raise Fault(ErrorCodes.PROTOCOL_ERROR, "An answer was pushed, which was declined.")
        events = self._h2.receive_data(frame.raw)
        if not events and frame.kind in (HEADERS, CONTINUATION):
            self._spend(now)
        return [self._without_trailer_faults(event) for event in events]

    def _count(self, frame: Frame, now: float) -> None:
        empty = frame.kind == DATA and not frame.flags & END_STREAM and frame.content_bytes <= 0
        if frame.kind in _CONTENTLESS or frame.kind > 16 or empty:
            self._spend(now)
        elif frame.kind == DATA:
            self.conduct.carried()

    def _spend(self, now: float) -> None:
        if not self.conduct.controls.spend(now):
            raise Fault(ErrorCodes.ENHANCE_YOUR_CALM, "Too many frames that carry nothing.")

    def _receive_content(self, frame: Frame, now: float) -> Iterable[Event]:
        stream_id, content = frame.stream_id, frame.content_bytes
        expected = self._expected.get(stream_id)
        if expected is not None and content >= 0:
            ended = frame.flags & END_STREAM
            if content > expected or (ended and content != expected):
                del self._expected[stream_id]
                self._give_back(len(frame.raw) - HEAD_BYTES)
                return (Broken(stream_id, "The content is not as long as announced."),)
            if ended:
                del self._expected[stream_id]
            else:
                self._expected[stream_id] = expected - content
        events = self._h2.receive_data(frame.raw)
        if not events:  # of a stream that is over: answered by the library with its reset
            self._spend(now)
        elif isinstance(events[0], DataReceived):
            self._arrived += events[0].flow_controlled_length
        if self._arrived >= CONNECTION_WINDOW // 2:
            self._h2.increment_flow_control_window(self._arrived)
            self._arrived = 0
        return events

    def _give_back(self, count: int) -> None:
        """Bytes of a frame that the library never saw count against no window."""
        if count:
            self._say(WindowUpdateFrame(0, window_increment=count).serialize())

    def _without_trailer_faults(self, event: Event) -> Event:
        if isinstance(event, TrailersReceived) and self._expected.pop(event.stream_id or 0, 0):
            return Broken(event.stream_id or 0, "The content ends before it is whole.")
        return event

    def _receive_goaway(self, frame: Frame) -> Iterable[Event]:
        if frame.stream_id or len(frame.raw) < HEAD_BYTES + 8:
            self._h2.receive_data(frame.raw)  # it knows what is wrong
        body = frame.raw[HEAD_BYTES:]
        event = ConnectionTerminated()
        event.last_stream_id = int.from_bytes(body[:4], "big") & LAST_STREAM
        code = int.from_bytes(body[4:8], "big")
        event.error_code = ErrorCodes(code) if code in ErrorCodes._value2member_map_ else None
        event.additional_data = body[8:]
        return (event,)

    def _is_idle(self, stream_id: int) -> bool:
        connection = self._h2
        ours = stream_id % 2 == (0 if self._server else 1)
        highest = connection.highest_outbound_stream_id if ours else (
            connection.highest_inbound_stream_id
        )  # fmt: skip
        return stream_id > highest

    # what goes out

    def output(self) -> bytes:
        """Everything that is to be written now."""
        self._say(b"")
        out, self._out = self._out, b""
        return out

    def open_stream(self) -> int:
        """The number of a stream to be opened by `head` at once; raises ProtocolError at the end
        of all numbers."""
        return self._h2.get_next_available_stream_id()

    def head(self, stream_id: int, fields: list[tuple[bytes, bytes]], ended: bool) -> None:
        """A head, an interim one, or a trailer."""
        self._h2.send_headers(stream_id, fields, ended)

    def content(self, stream_id: int, content: bytes, ended: bool) -> int:
        """Content as far as the windows allow, in frames; how many bytes of it went."""
        connection = self._h2
        window = connection.local_flow_control_window(stream_id)
        size = len(content)
        going = min(size, window) if window > 0 else 0
        at = 0
        frame = min(FRAME_LIMIT, connection.max_outbound_frame_size)
        while at < going:
            part = content[at : min(at + frame, going)]
            at += len(part)
            connection.send_data(stream_id, part, ended and at == size)
            self.conduct.carried()
        if not size and ended:
            connection.end_stream(stream_id)
        return going

    def taken(self, stream_id: int, count: int) -> None:
        """Bytes of a stream's content were taken: its window opens by as many."""
        try:
            self._h2.increment_flow_control_window(count, stream_id)
        except (KeyError, StreamClosedError):
            return

    def reset(self, stream_id: int, code: ErrorCodes) -> None:
        """End a stream; said also when its end was said already, where the peer has to know why."""
        self._expected.pop(stream_id, None)
        try:
            self._h2.reset_stream(stream_id, code)
        except StreamClosedError:
            self._say(RstStreamFrame(stream_id, error_code=code).serialize())

    def forget(self, stream_id: int) -> None:
        """The stream is over."""
        self._expected.pop(stream_id, None)

    def ping(self, content: bytes) -> None:
        """Ask whether the peer lives: eight bytes that come back."""
        self._h2.ping(content)

    def goaway(self, code: ErrorCodes, last: int | None = None) -> None:
        """Take no new streams above `last`, by default the last that was begun."""
        if last is None:
            last = self._h2.highest_inbound_stream_id
        self._say(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())

    @property
    def last_stream(self) -> int:
        """The last stream that the peer began."""
        return self._h2.highest_inbound_stream_id

    def _say(self, more: bytes) -> None:
        self._out += self._h2.data_to_send() + more


def _sentence(error: ProtocolError) -> str:
    """The library's words, bounded: they may quote what the peer sent."""
    return (str(error) or type(error).__name__)[:200]
