"""Ten thousand refusals a second are one count, and wait while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError

from meshconsole.discovery import refusals as room
from meshconsole.discovery.refusals import Refusals
from meshconsole.healing.evidence.quarantine import Counted
from proxy.aio import cancelled, spawn
from proxy.contract.identity import InstanceIdentity
from tests.harness.wait import eventually_async


def who(name: str) -> InstanceIdentity:
    return InstanceIdentity(trust_domain="mesh.local", unit="unit1", app="order", instance=name)


class Shelf:
    """A desk that keeps what it was asked to write, once it can."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.written: list[tuple[str, str, str, int]] = []

    async def ask(self, work: Any, counted: Sequence[Counted], now: datetime) -> None:
        """Write, or fail as a database that is away."""
        if self.failures:
            self.failures -= 1
            raise OperationalError("away")
        self.written += [(one.instance, said.reason, said.detail, n) for one, said, n in counted]


async def written(desk: Shelf, refusals: Refusals, count: int) -> None:
    task = spawn(refusals.run(), name="refusals-under-test")

    async def all_there() -> bool:
        return sum(row[3] for row in desk.written) == count

    await eventually_async(all_there)
    await cancelled(task)


@pytest.mark.parametrize("failures", [0, 2])
def test_counts_are_written_by_identity_and_reason(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WRITE_SECONDS", 0.001)
    desk = Shelf(failures)
    refusals = Refusals(desk, lambda: datetime(2026, 1, 2, tzinfo=UTC))  # type: ignore[arg-type]
    for number in range(1000):
        refusals.note(who("a"), "frame", f"the {number}th\x00")
    refusals.note(who("b"), "over_quota", "much")
    asyncio.run(written(desk, refusals, 1001))
    assert sorted(desk.written) == [
        ("a", "frame", "the 999th?", 1000), ("b", "over_quota", "much", 1),
    ]  # fmt: skip


def test_so_many_identities_are_kept_and_no_more() -> None:
    refusals = Refusals(Shelf(), lambda: datetime(2026, 1, 2, tzinfo=UTC))  # type: ignore[arg-type]
    for number in range(room.WAITING_LIMIT + 50):
        refusals.note(who(f"n{number}"), "frame", "")
    assert len(refusals._waiting) == room.WAITING_LIMIT
