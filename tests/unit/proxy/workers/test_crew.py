"""Workers that are as far as is wanted, or further, are left alone."""

from __future__ import annotations

from typing import cast

import pytest

from proxy.contract.snapshot import Snapshot
from proxy.current import Current
from proxy.encryption.holder import Holder
from proxy.healing.warden import Warden
from proxy.settings import HostPort, StandaloneSettings
from proxy.workers import crew as room
from proxy.workers.crew import Crew
from proxy.workers.hand import Hand
from proxy.workers.merge import Merger


class Known(Hand):
    """A worker whose end is noted."""

    def __init__(self, number: int, swapped: int) -> None:
        super().__init__(number)
        self.state = "accepting"
        self.swapped = swapped
        self.killed = False

    def kill(self) -> None:
        """Note it."""
        self.killed = True


def _crew(wanted: int, hands: list[Known]) -> Crew:
    current = Current()
    current.swap(Snapshot(), wanted)
    place = HostPort("127.0.0.1", 1)
    settings = StandaloneSettings(listen=place, upstream=(place,), workers=len(hands))
    crew = Crew(settings, current, cast("Merger", None), Holder(), Warden(current))
    crew._hands = [*hands]
    return crew


async def test_a_worker_that_is_further_already_is_in_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "SWAP_SECONDS", 0.01)
    hands = [Known(0, 5), Known(1, 6)]
    assert await _crew(5, hands).in_step()
    assert [hand.killed for hand in hands] == [False, False]


async def test_a_worker_that_does_not_follow_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "SWAP_SECONDS", 0.01)
    hands = [Known(0, 4), Known(1, 5)]
    assert not await _crew(5, hands).in_step()
    assert [hand.killed for hand in hands] == [True, False]
