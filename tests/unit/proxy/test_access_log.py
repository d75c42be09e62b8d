"""The access log loses lines before it hurts traffic, and says how many."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.access_log import LINES_LIMIT, AccessLog
from proxy.errors import Refusal
from proxy.settings import InvalidSettings

REFUSAL = Refusal(400, "DPE", "No.")


def test_a_file_that_cannot_be_written_is_said_before_serving(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="name a file in a folder that exists"):
        AccessLog(str(tmp_path / "missing" / "log"), "inbound").check()


async def test_a_disk_that_fails_later_costs_lines_and_counts_them(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "missing" / "log"), "inbound")
    log.add_unread(REFUSAL)
    log.add_unread(REFUSAL)
    await log.flush()
    assert log.dropped == 2


def test_lines_that_wait_are_bounded(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"), "inbound")
    for _ in range(LINES_LIMIT + 5):
        log.add_unread(REFUSAL)
    assert log.dropped == 5
