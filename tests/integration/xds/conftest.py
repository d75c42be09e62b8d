"""A running daemon for the tests of this folder."""

from __future__ import annotations

from tests.integration.discovery.conftest import console

__all__ = ["console"]
