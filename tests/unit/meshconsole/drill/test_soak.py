"""What happens in a soak, and when."""

from __future__ import annotations

from collections import Counter

import pytest

from meshconsole.drill.soak import LAST_SHARE, QUIET_SHARE, plan


@pytest.mark.parametrize("changes", [24, 40, 100])
def test_every_kind_of_event_happens_and_processes_change_in_the_middle_only(changes: int) -> None:
    events = list(plan(changes))
    assert set(Counter(event for _, event in events)) == {
        *("reload", "swap", "leave", "return", "handover")
    }
    shares = [share for share, event in events if event == "handover"]
    assert min(shares) >= QUIET_SHARE
    assert max(shares) < LAST_SHARE
    assert [share for share, _ in events] == sorted(share for share, _ in events)
