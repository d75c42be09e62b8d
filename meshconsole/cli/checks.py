"""`meshctl check`: what a person would look at first, as lines of ok, warn and fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from meshconsole.cli.client import Console, Refused

Line = tuple[Literal["ok", "warn", "fail"], str]


def checks_run(console: Console) -> bool:
    """Print every line; True when one failed."""
    failed = False
    for look in (_me, _audit, _instances, _sidecars):
        for grade, text in _heard(look, console):
            print(f"{grade:<5} {text}")
            failed = failed or grade == "fail"
    return failed


def _heard(look: Callable[[Console], Iterator[Line]], console: Console) -> Iterator[Line]:
    try:
        yield from look(console)
    except Refused as refused:
        grade: Line = ("warn" if refused.problem.get("status") == 503 else "fail", str(refused))
        yield grade


def _me(console: Console) -> Iterator[Line]:
    me = console.get("me")
    yield "ok", f"the console answers; you are {me['user']} ({me['role']})"


def _audit(console: Console) -> Iterator[Line]:
    verdict = console.get("audit/verify")
    if verdict["whole"]:
        yield "ok", f"the audit chain of {verdict['rows']} rows is whole"
    else:
        yield "fail", f"the audit chain breaks at row {verdict['broken_at']}: {verdict['detail']}"


def _instances(console: Console) -> Iterator[Line]:
    rows = list(console.list("applications"))
    down = [row["name"] for row in rows if row["instance_count"] and not row["serving_count"]]
    empty = [row["name"] for row in rows if not row["instance_count"]]
    for name in down:
        yield "fail", f"{name}: no instance serves; see `meshctl get instances --app {name}`"
    if empty:
        yield "warn", f"without an instance: {', '.join(empty)}"
    if not down:
        yield "ok", f"{len(rows)} applications, each with a serving instance where it has any"


def _sidecars(console: Console) -> Iterator[Line]:
    progress = console.get("progress")
    if progress["nacked"]:
        yield "fail", f"{progress['nacked']} sidecars refused revision {progress['v']}"
    elif progress["pending"]:
        yield "warn", f"{progress['pending']} sidecars are behind revision {progress['v']}"
    else:
        yield "ok", f"{progress['acked']} sidecars are in step with revision {progress['v']}"
