"""The WebSocket client, without what it loads and is never asked for here.

The library would ask `urllib.request` whom to go through, and `importlib.metadata` for its version
if it were no release. Both bring a good part of the standard library along, 1.5 MB in each sidecar.
While the client is loaded, modules stand in for them that become the real ones when they are asked.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

LATER = ("importlib.metadata", "urllib.request")


def stand_in(name: str) -> ModuleType:
    """A module that is loaded when something of it is asked for."""
    module = ModuleType(name)

    def asked(attribute: str) -> object:
        if sys.modules.get(name) is module:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    module.__dict__["__getattr__"] = asked
    return module


@contextmanager
def loaded_later(names: tuple[str, ...] = LATER) -> Iterator[None]:
    """What is imported here finds stand-ins where these modules are not loaded yet."""
    placed = {name: stand_in(name) for name in names if name not in sys.modules}
    for name, module in placed.items():
        parent, _, last = name.rpartition(".")
        sys.modules[name] = module
        setattr(importlib.import_module(parent), last, module)
    try:
        yield
    finally:
        for name, module in placed.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


with loaded_later():
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import ConnectionClosed, ConnectionClosedError, WebSocketException
    from websockets.typing import Subprotocol

__all__ = [
    "ClientConnection",
    "ConnectionClosed",
    "ConnectionClosedError",
    "Subprotocol",
    "WebSocketException",
    "connect",
]
