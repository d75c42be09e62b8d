"""What a drill stands on: a running demo, its console, its origins, and where to print."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
import msgspec

from meshconsole.demo.http_client import Client
from meshconsole.demo.launch import read_demo
from meshconsole.demo.service.ledger import unpack_run
from meshconsole.demo.state import DemoFile, ServiceLine
from meshconsole.drill.console import Console


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How big a drill is to be."""

    requests: int
    changes: int
    concurrency: int
    rate: float
    """Requests per second at most; 0 is as fast as answers come."""
    protocols: tuple[str, ...] = ()
    """What callers speak: `h1`, `h2`, `bolt`, `tcp`; only of drills with processes of their own."""
    workers: int = 1
    """Processes that carry traffic in each proxy that is given workers."""
    tls: bool = False
    """Are there callers with a certificate besides?"""
    parts: tuple[str, ...] = ()
    """Of a drill that has parts; empty is all of them."""
    seeds: int = 0
    """Of a drill that simulates: how many meshes."""


class Figures(msgspec.Struct, frozen=True):
    """What was measured, and which promises were not kept; empty is a pass."""

    values: dict[str, object]
    short: list[str]


class Stage:
    """One demo under drill."""

    def __init__(self, folder: Path, password: str, say: Callable[[str], None]) -> None:
        self._folder = folder
        self.say = say
        self.console = Console(self.demo.console, self.demo.user, password)

    @property
    def demo(self) -> DemoFile:
        """`demo.json` as it is now."""
        return read_demo(self._folder)

    def entrance(self) -> Client:
        """A client of the sample mesh's entrance, to be closed by `async with`."""
        door = urllib.parse.urlsplit(self.demo.entrance)
        return Client(str(door.hostname), int(door.port or 80))

    def services(self, app: str) -> list[ServiceLine]:
        """The instances of an application."""
        return [service for service in self.demo.services if service.app == app]

    def counted(self, services: Iterable[ServiceLine], run: str, interface: str) -> Counts:
        """What the origins say they received of one interface in one run."""
        received = {}
        with httpx.Client(timeout=20.0) as http:
            for service in services:
                answer = http.get(f"{service.control}/_count", params={"run": run}).json()
                packed = answer["interfaces"].get(interface)
                received[service.instance] = unpack_run(packed) if packed else b""
        return Counts(received)


class Counts(msgspec.Struct, frozen=True):
    """Per origin, how often each number of a run was received."""

    received: dict[str, bytes]

    def judge(self, numbers: range) -> tuple[int, int]:
        """Over all origins: how many of `numbers` came never, and how many more than once."""
        lost = repeated = 0
        for number in numbers:
            times = sum(self._at(counts, number) for counts in self.received.values())
            lost += times == 0
            repeated += times > 1
        return lost, repeated

    def by(self, group_of: dict[str, str], numbers: range) -> dict[str, int]:
        """How many of `numbers` each group received."""
        found = dict.fromkeys(group_of.values(), 0)
        for instance, counts in self.received.items():
            found[group_of[instance]] += sum(self._at(counts, number) for number in numbers)
        return found

    @staticmethod
    def _at(counts: bytes, number: int) -> int:
        return counts[number] if number < len(counts) else 0
