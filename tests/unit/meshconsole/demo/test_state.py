"""One demo per folder, and a demo.json that is whole or absent."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from meshconsole.demo.state import AlreadyRunning, DemoFile, ProcessLine, State, write_secret


def demo_file(pid: int = 1) -> DemoFile:
    return DemoFile(
        console="http://127.0.0.1:8000",
        user="sre",
        entrance="http://127.0.0.1:20001",
        processes=[ProcessLine(name="console", pid=pid, ports=[8000])],
        services=[],
        load="http://127.0.0.1:20002",
    )


def test_a_second_demo_in_the_same_folder_is_refused_with_the_holder(tmp_path: Path) -> None:
    first, second = State(tmp_path), State(tmp_path)
    first.open()
    with pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}.*MESH_STATE_DIR"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_refused_demo_leaves_the_other_ones_file_alone(tmp_path: Path) -> None:
    first, second = State(tmp_path), State(tmp_path)
    first.open()
    first.write(demo_file())
    with pytest.raises(AlreadyRunning):
        second.open()
    second.close()
    assert first.demo_json.exists()
    first.close()


def test_a_stale_file_is_gone_at_start_and_at_stop(tmp_path: Path) -> None:
    state = State(tmp_path)
    tmp_path.joinpath("demo.json").write_text("{}")
    state.open()
    assert not state.demo_json.exists()
    state.write(demo_file())
    assert json.loads(state.demo_json.read_text())["processes"] == [
        {"name": "console", "pid": 1, "ports": [8000]}
    ]
    state.close()
    assert not state.demo_json.exists()


def test_a_secret_is_readable_by_its_owner_only_also_when_it_is_renewed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for text in ("first", "second"):
        write_secret(path, text)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text() == text
