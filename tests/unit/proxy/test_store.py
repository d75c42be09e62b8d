"""The snapshot on disk: whole, private, and believed only when its digest agrees."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from proxy import store as module
from proxy.configuration import Held, applied
from proxy.contract import codec
from proxy.store import SNAPSHOT_FILE, SnapshotStore
from tests.harness.console import stock, whole_push


def held(v: int = 5, percent: float = 0.0) -> Held:
    found = applied(whole_push(stock(percent), v), None)
    assert isinstance(found, Held)
    return found


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "state")
    assert store.load() is None
    assert store.save(held())
    assert store.load() == (stock(), 5)
    assert store.held() == held()
    file = tmp_path / "state" / SNAPSHOT_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == [SNAPSHOT_FILE]


def test_a_newer_one_replaces_it(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(held(5))
    store.save(held(6, 25.0))
    assert store.load() == (stock(25.0), 6)


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_torn_file_is_left_aside(tmp_path: Path, length: int) -> None:
    store = SnapshotStore(tmp_path)
    store.save(held())
    file = tmp_path / SNAPSHOT_FILE
    file.write_bytes(file.read_bytes()[:length])
    assert store.load() is None


def test_an_altered_file_is_left_aside(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(held())
    file = tmp_path / SNAPSHOT_FILE
    file.write_bytes(file.read_bytes().replace(b"9001", b"9666"))
    assert store.load() is None


def test_another_message_is_not_a_snapshot(tmp_path: Path) -> None:
    (tmp_path / SNAPSHOT_FILE).write_bytes(b'{"type":"receipt","seq":1}')
    assert SnapshotStore(tmp_path).load() is None


def test_a_directory_in_its_place_is_said_and_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / SNAPSHOT_FILE).mkdir()
    store = SnapshotStore(tmp_path)
    assert store.load() is None
    assert not store.save(held())
    assert store.write_failures == 1


def test_a_write_that_fails_half_way_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SnapshotStore(tmp_path)
    store.save(held(5))

    def half(path: Path, content: bytes) -> None:
        path.write_bytes(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", half)
        assert not store.save(held(6, 25.0))
        assert not store.save(held(7, 30.0))
    assert store.write_failures == 2
    assert store.load() == (stock(), 5)
    assert [one.name for one in tmp_path.iterdir()] == [SNAPSHOT_FILE]
    assert store.save(held(7, 30.0))
    assert store.write_failures == 0


def test_a_link_left_in_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    state = tmp_path / "state"
    state.mkdir()
    (state / "snapshot.tmp").symlink_to(elsewhere)
    assert SnapshotStore(state).save(held())
    assert elsewhere.read_text() == "precious"


def test_the_file_reads_as_a_push(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).save(held())
    push = codec.decode_from_console((tmp_path / SNAPSHOT_FILE).read_bytes())
    assert applied(push, None) == held()  # type: ignore[arg-type]
