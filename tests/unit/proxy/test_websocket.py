"""What the WebSocket client never asks for is not loaded, and is there when somebody asks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from proxy.websocket import LATER

LOADED = "import sys, proxy.websocket; print(*(name for name in {names!r} if name in sys.modules))"
ASKED = """
import proxy.websocket, urllib, importlib
assert callable(urllib.request.getproxies)
assert importlib.metadata.version("websockets")
import urllib.request, importlib.metadata
assert urllib.request.__file__ and importlib.metadata.__file__
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


@pytest.mark.parametrize("name", LATER)
def test_what_is_not_asked_for_is_not_loaded(name: str) -> None:
    assert name not in run(LOADED.format(names=LATER)).split()


def test_what_is_asked_for_is_loaded_then() -> None:
    assert run(ASKED) == ""
