"""Laws of SOFABolt's frames: cuts do not matter, and no bytes do harm."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings, strategies as st

from proxy.bolt import wire
from proxy.bolt.codec import CODEC
from proxy.bolt.headers import block_of, headers_of, pairs_of
from proxy.errors import BadMessage
from proxy.rpc.frames import ANSWER, REQUEST, Frame

LAW = settings(deadline=None)
"""How long an example takes is no law."""
ID = st.integers(-(2**31), 2**31 - 1)
BYTES = st.binary(max_size=40)
PAIRS = st.lists(st.tuples(BYTES, BYTES), max_size=6)
REQUESTS = st.builds(
    wire.asks,
    st.just(wire.CALL),
    ID,
    type_=st.sampled_from([wire.ASKS, wire.TELLS]),
    timeout_ms=ID,
    codec=st.integers(0, 255),
    class_=BYTES,
    block=BYTES,
    content=st.binary(max_size=300),
)
ANSWERS = st.builds(
    wire.answers,
    st.just(wire.RESULT),
    ID,
    status=st.integers(0, 65535),
    codec=st.integers(0, 255),
    class_=BYTES,
    block=BYTES,
    content=st.binary(max_size=300),
)
OTHERS = st.builds(
    lambda code, id: wire.asks(code, id), st.sampled_from([wire.HEARTBEAT, wire.LEAVE]), ID
)
FRAMES = st.lists(REQUESTS | ANSWERS | OTHERS, max_size=6)
CUTS = st.lists(st.integers(0, 4000), max_size=12)


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


def _read(parts: list[bytes]) -> tuple[list[Frame], str, bool]:
    """Frames, what was wrong with what followed, is there the start of one more."""
    reader = wire.Reader()
    frames: list[Frame] = []
    for part in parts:
        reader.feed(part)
        try:
            while (frame := reader.next()) is not None:
                frames.append(frame)
        except BadMessage as error:
            return frames, str(error), False
    return frames, "", reader.partial


@LAW
@given(FRAMES, CUTS)
def test_frames_written_are_frames_read_however_they_are_cut(
    frames: list[bytes], cuts: list[int]
) -> None:
    read, wrong, partial = _read(_cut(b"".join(frames), cuts))
    assert [frame.raw for frame in read] == frames
    assert (wrong, partial) == ("", False)


@LAW
@given(FRAMES, st.binary(max_size=60), CUTS)
def test_every_cut_of_any_bytes_gives_the_same_frames_and_the_same_fault(
    frames: list[bytes], more: bytes, cuts: list[int]
) -> None:
    data = b"".join(frames) + more
    whole = _read([data])
    assert _read(_cut(data, cuts)) == whole
    assert _read([data[at : at + 1] for at in range(len(data))]) == whole


@LAW
@given(st.lists(st.binary(max_size=80), max_size=8))
def test_no_bytes_do_harm(parts: list[bytes]) -> None:
    for frame in _read(parts)[0]:
        assert len(frame.raw) <= wire.REQUEST_BYTES + 2 * 32767 + wire.CONTENT_LIMIT


@LAW
@given(REQUESTS | ANSWERS, ID)
def test_another_number_changes_nothing_else(raw: bytes, id: int) -> None:
    (before,), _, _ = _read([raw])
    (after,), _, _ = _read([wire.with_id(raw, id)])
    assert after.id == id
    assert wire.with_id(after.raw, before.id) == raw


@LAW
@given(PAIRS)
def test_a_header_block_reads_as_it_was_written(pairs: list[tuple[bytes, bytes]]) -> None:
    assert pairs_of(block_of(pairs)) == pairs


@LAW
@given(st.binary(max_size=80))
def test_a_header_block_is_read_or_refused(block: bytes) -> None:
    try:
        headers = headers_of(block)
    except BadMessage:
        return
    assert sum(map(len, headers)) + sum(map(len, headers.values())) <= len(block)


@LAW
@given(BYTES, st.binary(max_size=80))
def test_a_request_has_a_head_of_http_or_is_refused(class_: bytes, block: bytes) -> None:
    raw = wire.asks(wire.CALL, 1, class_=class_, block=block)
    try:
        asked = CODEC.request(Frame(REQUEST, 1, raw), trusted=False)
    except BadMessage:
        return
    assert asked.path.startswith(b"/")
    assert asked.lower.count(b"\n") == asked.lower.count(b"\r\n")


@LAW
@given(st.integers(0, 65535), st.binary(max_size=80))
def test_an_answer_is_always_understood(status: int, block: bytes) -> None:
    raw = wire.answers(wire.RESULT, 1, status=status, block=block)
    assert CODEC.response(Frame(ANSWER, 1, raw, status=status)).status in (
        200, 400, 404, 429, 500, 503, 504
    )  # fmt: skip
