"""The supervisor's log of orders: on disk before anything is done, so that a key is done once.

Each line is one fact. `begun` is written before the first process is touched, `happened` after each
part, `ended` last. A supervisor that was killed in between took its children with it, and starting
them all anew is then what happened to the parts that are missing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from meshconsole.healing.guards.supervision import Part

KEPT_KEYS = 500
_WANTED: dict[str, tuple[Part, ...]] = {
    "restart_sidecar": ("sidecar",),
    "restart_process": ("process",),
    "restart_host": ("sidecar", "process"),
    "remove": ("sidecar", "process"),
}


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact of the log."""

    what: Literal["fenced", "begun", "happened", "ended"]
    instance: str
    key: str = ""
    fence: int = 0
    action: str = ""
    part: str = ""
    was: str = ""
    """Of `happened`: what ran before, `pid@start`."""
    now: str = ""
    state: str = ""
    detail: str = ""
    replacement: str = ""
    at: float = 0.0


class Entry(msgspec.Struct, kw_only=True):
    """What is known of one key."""

    key: str
    instance: str
    action: str
    fence: int
    replacement: str = ""
    happened: dict[str, int] = {}
    """Part -> how often."""
    state: Literal["running", "done", "failed"] = "running"
    detail: str = "It has begun."

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the order is about, in its order."""
        return _WANTED[self.action]

    @property
    def effects(self) -> int:
        """How often its effect happened: the most that any part of it did."""
        return max(self.happened.values(), default=0)


class Effects:
    """The log of one state folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: dict[str, Entry] = {}
        self._fences: dict[str, int] = {}
        self._mend()
        for line in read(path):
            self._take(line)
        self._compact()

    def fence(self, instance: str) -> int:
        """The highest seen of an instance."""
        return self._fences.get(instance, 0)

    def fenced(self, instance: str, fence: int) -> None:
        """Remember a higher fence before anything is said on its ground."""
        if fence > self.fence(instance):
            self._write(Line(what="fenced", instance=instance, fence=fence))

    def begun(self, *, instance: str, key: str, action: str, replacement: str = "") -> Entry:
        """An order is taken; on disk when this returns."""
        self._write(
            Line(
                what="begun", instance=instance, key=key, action=action, replacement=replacement,
                fence=self.fence(instance),
            )
        )  # fmt: skip
        return self.entries[key]

    def happened(self, entry: Entry, part: Part, *, was: str, now: str) -> None:
        """One part of it is done."""
        self._write(
            Line(
                what="happened", instance=entry.instance, key=entry.key, part=part, was=was, now=now
            )
        )

    def ended(self, entry: Entry, state: Literal["done", "failed"], detail: str) -> None:
        """Nothing more comes of it."""
        self._write(
            Line(
                what="ended", instance=entry.instance, key=entry.key, state=state, detail=detail
            )
        )  # fmt: skip

    def open_entries(self) -> list[Entry]:
        """What had begun and not ended when this was opened."""
        return [entry for entry in self.entries.values() if entry.state == "running"]

    def removed(self) -> dict[str, str]:
        """Instance that is gone for good -> the one in its place, in the order of removal."""
        return {
            entry.instance: entry.replacement
            for entry in self.entries.values()
            if entry.action == "remove" and entry.state != "failed"
        }

    def _write(self, line: Line) -> None:
        line = msgspec.structs.replace(line, at=round(time.time(), 3))
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, msgspec.json.encode(line) + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        self._take(line)

    def _take(self, line: Line) -> None:
        self._fences[line.instance] = max(line.fence, self.fence(line.instance))
        if line.what == "begun":
            self.entries[line.key] = Entry(
                key=line.key, instance=line.instance, action=line.action, fence=line.fence,
                replacement=line.replacement,
            )  # fmt: skip
        entry = self.entries.get(line.key)
        if entry is None:
            return
        if line.what == "happened":
            entry.happened = entry.happened | {line.part: entry.happened.get(line.part, 0) + 1}
        elif line.what == "ended":
            entry.state = "done" if line.state == "done" else "failed"
            entry.detail = line.detail

    def _mend(self) -> None:
        """End a last line that a crash cut, so that the next one is a line of its own."""
        with self._path.open("ab") as file:
            self._path.chmod(0o600)
            if file.tell() and not self._path.read_bytes().endswith(b"\n"):
                file.write(b"\n")

    def _compact(self) -> None:
        """Forget the oldest restarts; fences and removals are kept."""
        if len(self.entries) <= KEPT_KEYS:
            return
        kept = set(list(self.entries)[-KEPT_KEYS:])
        kept |= {key for key, entry in self.entries.items() if entry.action == "remove"}
        fresh = self._path.with_name(self._path.name + ".new")
        fences = [
            Line(what="fenced", instance=name, fence=fence) for name, fence in self._fences.items()
        ]
        lines = [*fences, *(line for line in read(self._path) if line.key in kept)]
        with fresh.open("wb") as file:
            file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self.entries = {key: entry for key, entry in self.entries.items() if key in kept}


def read(path: Path) -> Iterator[Line]:
    """The facts of a log in their order; a last line that was cut by a crash is none."""
    if not path.exists():
        return
    for text in path.read_bytes().splitlines():
        try:
            yield msgspec.json.decode(text, type=Line)
        except msgspec.DecodeError:
            continue


def effects_of(path: Path) -> dict[str, int]:
    """Key -> how often its effect happened; for drills that count."""
    counts: dict[tuple[str, str], int] = {}
    keys: dict[str, int] = {}
    for line in read(path):
        if line.what == "begun":
            keys.setdefault(line.key, 0)
        elif line.what == "happened":
            counts[line.key, line.part] = counts.get((line.key, line.part), 0) + 1
            keys[line.key] = max(keys.get(line.key, 0), counts[line.key, line.part])
    return keys
