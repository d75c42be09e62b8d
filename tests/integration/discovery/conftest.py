"""A running daemon for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.harness.discovery import Console, running


@pytest.fixture
async def console(transactional_db: None, mesh_redis: str) -> AsyncIterator[Console]:
    """The daemon on a real Redis and the test's database."""
    async with running() as console:
        yield console
