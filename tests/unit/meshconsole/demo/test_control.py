"""The supervisor's door opens for its owner alone, and hears one line at a time."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import msgspec
import pytest

from meshconsole.demo import control
from meshconsole.demo.control import Door, socket_path
from meshconsole.healing.guards.supervision import LINE_BYTES, Answer, Ask

LOOK = msgspec.json.encode(Ask(verb="look", instance="shop-1")) + b"\n"


async def answer(ask: Ask) -> Answer:
    return Answer(detail=f"{ask.verb} {ask.instance}")


async def said(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    writer.write_eof()
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        heard = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return heard


async def test_a_line_is_answered_and_the_socket_is_its_owners(tmp_path: Path) -> None:
    door = Door(tmp_path / "control.sock", answer)
    await door.open()
    assert msgspec.json.decode(await said(door.path, LOOK))["detail"] == "look shop-1"
    assert door.path.stat().st_mode & 0o777 == 0o700
    await door.close()
    assert not door.path.exists()


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b'{"verb":"x"}\n', b"x" * (2 * LINE_BYTES)])
async def test_what_is_no_order_is_answered_in_words(tmp_path: Path, line: bytes) -> None:
    door = Door(tmp_path / "control.sock", answer)
    await door.open()
    heard = msgspec.json.decode(await said(door.path, line), type=Answer)
    assert heard.problem == "malformed"
    assert len(heard.detail) <= 300
    await door.close()


async def test_another_user_is_not_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "peer_uid", lambda peer: 12345)
    door = Door(tmp_path / "control.sock", answer)
    await door.open()
    assert await said(door.path, LOOK) == b""
    await door.close()


async def test_the_socket_of_a_killed_supervisor_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "control.sock").touch()
    door = Door(tmp_path / "control.sock", answer)
    await door.open()
    assert await said(door.path, LOOK)
    await door.close()


def test_a_path_the_kernel_has_no_room_for_is_put_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    assert socket_path(tmp_path).parent == tmp_path
    short = socket_path(deep)
    assert len(str(short)) < 100
    short.parent.rmdir()
