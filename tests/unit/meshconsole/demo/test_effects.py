"""The log of orders says of each key what became of it, whatever a crash cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshconsole.demo import effects
from meshconsole.demo.effects import Effects, effects_of


def test_what_was_begun_is_known_to_who_opens_the_log_next(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    log = Effects(path)
    log.fenced("shop-1", 4)
    entry = log.begun(instance="shop-1", key="a.1", action="restart_host")
    log.happened(entry, "sidecar", was="1@1", now="2@2")
    again = Effects(path)
    (left,) = again.open_entries()
    assert (left.key, left.fence, left.happened) == ("a.1", 4, {"sidecar": 1})
    assert left.parts == ("sidecar", "process")
    assert again.fence("shop-1") == 4
    again.ended(left, "done", "Restarted.")
    assert Effects(path).open_entries() == []
    assert Effects(path).entries["a.1"].detail == "Restarted."


def test_a_line_cut_by_a_crash_is_none_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    Effects(path).begun(instance="shop-1", key="a.1", action="restart_process")
    with path.open("ab") as file:
        file.write(b'{"what":"ended","ins')
    log = Effects(path)
    log.ended(log.entries["a.1"], "done", "Restarted.")
    assert Effects(path).entries["a.1"].state == "done"


def test_effects_are_counted_by_key(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    log = Effects(path)
    once = log.begun(instance="shop-1", key="a.1", action="restart_host")
    log.happened(once, "sidecar", was="", now="")
    log.happened(once, "process", was="", now="")
    twice = log.begun(instance="shop-2", key="b.1", action="restart_process")
    log.happened(twice, "process", was="", now="")
    log.happened(twice, "process", was="", now="")
    log.begun(instance="shop-2", key="c.1", action="restart_process")
    assert effects_of(path) == {"a.1": 1, "b.1": 2, "c.1": 0}
    assert [once.effects, twice.effects] == [1, 2]


def test_removals_are_told_with_who_took_the_place(tmp_path: Path) -> None:
    log = Effects(tmp_path / "effects.jsonl")
    log.begun(instance="shop-1", key="a.1", action="remove", replacement="shop-3")
    failed = log.begun(instance="shop-2", key="b.1", action="remove", replacement="shop-4")
    log.ended(failed, "failed", "It would not end.")
    assert log.removed() == {"shop-1": "shop-3"}


def test_an_old_log_is_shortened_and_loses_no_fence_and_no_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "KEPT_KEYS", 3)
    path = tmp_path / "effects.jsonl"
    log = Effects(path)
    log.fenced("shop-1", 9)
    log.begun(instance="shop-1", key="gone", action="remove", replacement="shop-9")
    for number in range(10):
        entry = log.begun(instance="shop-2", key=f"k.{number}", action="restart_process")
        log.ended(entry, "done", "Restarted.")
    short = Effects(path)
    assert set(short.entries) == {"gone", "k.7", "k.8", "k.9"}
    assert short.fence("shop-1") == 9
    assert set(Effects(path).entries) == set(short.entries)


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    Effects(tmp_path / "effects.jsonl")
    assert (tmp_path / "effects.jsonl").stat().st_mode & 0o777 == 0o600
