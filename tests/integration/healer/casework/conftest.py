"""One world for each test of casework."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.healing import World, a_world


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Twenty instances, the first of them ill, and healing that may act by itself."""
    with a_world(monkeypatch) as made:
        made.set_mode("auto")
        yield made
