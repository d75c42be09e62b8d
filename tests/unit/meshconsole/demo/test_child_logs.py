"""A log stays within its limit, whoever writes it."""

from __future__ import annotations

from pathlib import Path

from meshconsole.demo.child_logs import trim_log


def test_a_log_past_its_limit_is_set_aside_and_begun_again(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab") as writer:
        writer.write(b"x" * 100)
        writer.flush()
        trim_log(log, 1000)
        assert log.stat().st_size == 100
        trim_log(log, 50)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 100
