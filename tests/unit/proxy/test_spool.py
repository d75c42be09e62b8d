"""Events outlive the process, within a megabyte, on a disk that may fail."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from proxy.spool import EventSpool
from tests.unit.proxy.test_outbox import event


def ids(folder: Path) -> list[str]:
    return [one.id for one in EventSpool(folder).load()]


def test_kept_events_are_there_for_the_next_process(tmp_path: Path) -> None:
    spool = EventSpool(tmp_path)
    spool.keep([event("a")])
    spool.keep([event("a"), event("b")])
    assert ids(tmp_path) == ["a", "b"]
    assert stat.S_IMODE((tmp_path / "events.jsonl").stat().st_mode) == 0o600


def test_delivered_events_leave_the_disk(tmp_path: Path) -> None:
    spool = EventSpool(tmp_path)
    spool.keep([event("a")])
    spool.keep([])
    assert list(tmp_path.iterdir()) == []


def test_a_torn_line_costs_that_line(tmp_path: Path) -> None:
    EventSpool(tmp_path).keep([event("a"), event("b")])
    file = tmp_path / "events.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    again = EventSpool(tmp_path)
    assert [one.id for one in again.load()] == ["a"]
    again.keep([event("a"), event("c")])
    assert ids(tmp_path) == ["a", "c"]


def test_the_file_stays_within_its_bound_and_the_newest_stay(tmp_path: Path) -> None:
    spool = EventSpool(tmp_path, limit_bytes=2000)
    for at in range(1, 60):
        spool.keep([event(f"e{one}") for one in range(at)])
    assert (tmp_path / "events.jsonl").stat().st_size <= 2000
    assert ids(tmp_path)[-1] == "e58"
    assert spool.dropped > 0


def test_an_event_that_grew_is_found_grown_and_once(tmp_path: Path) -> None:
    spool = EventSpool(tmp_path)
    spool.keep([event("a"), event("b")])
    grown = msgspec.structs.replace(event("a"), n=7)
    spool.keep([grown, event("b")])
    assert [(one.id, one.n) for one in EventSpool(tmp_path).load()] == [("a", 7), ("b", 1)]


def test_what_is_left_out_for_want_of_room_is_counted_once(tmp_path: Path) -> None:
    spool = EventSpool(tmp_path, limit_bytes=1000)
    events = [event(f"e{at}") for at in range(20)]
    for upto in range(1, 21):
        spool.keep(events[:upto])
    assert spool.dropped == 20 - len(ids(tmp_path))


def test_a_full_disk_is_counted_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = EventSpool(tmp_path)

    def full(content: bytes, how: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "_put", full)
    spool.keep([event("a")])
    spool.keep([event("a"), event("b")])
    assert spool.write_failures == 2
    monkeypatch.undo()
    spool.keep([event("a"), event("b")])
    assert spool.write_failures == 0
    assert ids(tmp_path) == ["a", "b"]


def test_an_unreadable_file_is_no_events(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").mkdir()
    assert EventSpool(tmp_path).load() == []
