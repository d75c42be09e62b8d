"""A discovery daemon in the test's own process, on a real Redis and the test's database."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from django.db import close_old_connections

from meshconsole.core import redis
from meshconsole.discovery import daemon
from meshconsole.encryption.services import join_token_create
from proxy.aio import spawn
from proxy.contract.session import Cert
from tests.factories import a_node
from tests.harness.sidecar import Sidecar
from tests.harness.wait import eventually_async

T = TypeVar("T")


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        close_old_connections()


async def told(work: Callable[[], T]) -> T:
    """Do a piece of database work off the loop."""
    return await asyncio.to_thread(_told, work)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class Console:
    """The daemon's doors, and sidecars for them."""

    port: int
    enrol_port: int

    async def token(self, **fields: Any) -> str:
        """A join token, by default for any instance of order in unit1."""
        given = {"application": "order", "unit": "unit1", "actor": "test"} | fields
        given.setdefault("now", datetime.now(UTC))
        return await told(lambda: join_token_create(**given))

    def sidecar(self, id: str = "order-1", **fields: Any) -> Sidecar:
        """One without a certificate."""
        return Sidecar(self.port, self.enrol_port, a_node(id=id, **fields))

    async def joined(self, id: str = "order-1", **fields: Any) -> Sidecar:
        """One with its certificate."""
        sidecar = self.sidecar(id, **fields)
        token = await self.token(application=sidecar.node.app, unit=sidecar.node.unit)
        assert isinstance(await sidecar.join(token), Cert)
        return sidecar


@pytest.fixture
async def console(transactional_db: None, mesh_redis: str) -> AsyncIterator[Console]:
    """Both doors open, the compiler leading."""
    port, enrol_port = free_ports(2)
    stop = asyncio.Event()
    running = spawn(
        daemon.run(host="127.0.0.1", port=port, enrol_port=enrol_port, supervised=False, stop=stop),
        name="discovery-under-test",
    )
    try:
        await eventually_async(lambda: _listens(enrol_port), what="discovery listens")
        yield Console(port, enrol_port)
    finally:
        stop.set()
        async with asyncio.timeout(15):
            assert await running
        await redis.async_close()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
