"""One connection at an origin, whatever is spoken on it."""

from __future__ import annotations

import asyncio
from typing import cast

from meshconsole.drill.ledger import Ledger


class House:
    """What the connections of all origins share: the ledger, and who is there."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.open: set[Served] = set()


class Served(asyncio.Protocol):
    """A caller's connection, here usually a proxy's."""

    transport: asyncio.Transport

    def __init__(self, house: House) -> None:
        self.house = house
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.house.open.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self.house.open.discard(self)

    def arrived(self, number: int, in_body: int) -> None:
        """A whole request is here."""
        self.house.ledger.arrived(number, in_body)
