"""Messages and open files arrive whole, in order, or not at all."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

import msgspec
import pytest

from proxy.wire import Ended, Wire
from tests.integration.proxy.rig import run


class Said(msgspec.Struct, tag="said"):
    """A message."""

    words: bytes


DECODER: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)


def _pair() -> tuple[Wire[Said], Wire[Said]]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Wire(one, DECODER), Wire(other, DECODER)


def test_messages_of_any_size_arrive_in_order_with_their_files() -> None:
    async def scene() -> None:
        one, other = _pair()
        reading, writing = os.pipe()
        sizes = [0, 1, 300, 3_000_000, 5]

        async def say() -> None:
            for size in sizes:
                await one.send(Said(b"x" * size), [writing] if size == 3_000_000 else [])

        saying = asyncio.ensure_future(say())
        assert [len((await other.receive(10)).words) for _ in sizes] == sizes
        await saying
        os.close(writing)
        (file,) = other.take_files(1)
        assert not os.get_inheritable(file)
        os.write(file, b"through")
        assert os.read(reading, 100) == b"through"
        for each in (file, reading):
            os.close(each)
        one.close()
        other.close()

    run(scene())


def test_a_peer_that_is_gone_is_noticed_both_ways() -> None:
    async def scene() -> None:
        one, other = _pair()
        other.close()
        with pytest.raises(Ended):
            await one.receive(10)
        with pytest.raises(Ended):
            await one.send(Said(b"x" * 1_000_000))
        one.close()

    run(scene())


def test_silence_ends_and_the_next_message_is_still_read() -> None:
    async def scene() -> None:
        one, other = _pair()
        with pytest.raises(TimeoutError):
            await other.receive(0.01)
        await one.send(Said(b"late"))
        assert (await other.receive(10)).words == b"late"
        one.close()
        other.close()

    run(scene())


@pytest.mark.parametrize("said", [struct.pack(">I", 3) + b"abc", struct.pack(">I", 2**31) + b"abc"])
def test_what_cannot_be_read_ends_it(said: bytes) -> None:
    async def scene() -> None:
        raw, sock = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        wire: Wire[Said] = Wire(sock, DECODER)
        raw.sendall(said)
        with pytest.raises(Ended):
            await wire.receive(10)
        raw.close()
        wire.close()

    run(scene())


def test_files_that_were_announced_and_did_not_come_end_it() -> None:
    async def scene() -> None:
        one, other = _pair()
        await one.send(Said(b""))
        await other.receive(10)
        with pytest.raises(Ended, match="2 open files were announced"):
            other.take_files(2)
        one.close()
        other.close()

    run(scene())


def test_the_kernel_says_who_is_there() -> None:
    async def scene() -> None:
        one, other = _pair()
        assert one.peer == (os.getpid(), os.geteuid())
        one.close()
        other.close()

    run(scene())
