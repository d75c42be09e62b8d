"""Only our own pages open a WebSocket."""

from __future__ import annotations

import pytest

from meshconsole.live.origin import is_ours


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("http://testserver", "testserver", True),
        ("http://localhost:8000", "localhost:8000", True),
        ("https://LOCALHOST:8000", "localhost:8000", True),
        ("http://localhost:8001", "localhost:8000", False),
        ("http://evil.example", "localhost:8000", False),
        ("http://evil.example", "evil.example", False),
        ("", "localhost:8000", False),
        ("null", "localhost:8000", False),
        ("file://localhost:8000", "localhost:8000", False),
        ("http://[", "localhost:8000", False),
        ("http://localhost:8000", "", False),
    ],
)
def test_the_origin_is_the_host(origin: str, host: str, ours: bool) -> None:
    assert is_ours(origin, host) is ours
