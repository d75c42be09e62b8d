"""The log of one child: its last words, and that it does not grow for ever."""

from __future__ import annotations

import shutil
from pathlib import Path


def last_words(log: Path, limit: int = 200) -> str:
    """The last line of a log, cut to `limit` characters."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip()[:limit] for line in reversed(lines) if line.strip()), "")


def trim_log(log: Path, limit_bytes: int) -> None:
    """Move a log past its limit to `<name>.1`; its writer appends, so it goes on at the front."""
    if log.exists() and log.stat().st_size > limit_bytes:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        with log.open("r+b") as file:
            file.truncate(0)
