"""A discovery daemon in the test's own process, on the test's Redis and database."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import close_old_connections

from meshconsole.core import redis
from meshconsole.discovery import daemon
from meshconsole.encryption.issuance import join_token_create
from meshconsole.inventory.models import Application
from meshconsole.inventory.services import group_add
from meshconsole.steering.services import split_set
from proxy.aio import spawn
from proxy.contract.session import Cert, Push
from tests.factories import a_node
from tests.harness.sidecar import Sidecar, Stream
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


@asynccontextmanager
async def running() -> AsyncIterator[Console]:
    """Both doors open; the compiler leads as soon as it can."""
    port, enrol_port = free_ports(2)
    stop = asyncio.Event()
    daemon_task = spawn(
        daemon.run(host="127.0.0.1", port=port, enrol_port=enrol_port, supervised=False, stop=stop),
        name="discovery-under-test",
    )
    try:
        await eventually_async(lambda: listens(enrol_port), what="discovery listens")
        yield Console(port, enrol_port)
    finally:
        stop.set()
        async with asyncio.timeout(15):
            assert await daemon_task
        await redis.async_close()


async def listens(port: int) -> bool:
    """Does somebody accept connections there?"""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def active(sidecar: Sidecar, **fields: Any) -> tuple[Stream, Push]:
    """A stream that has acked its first snapshot."""
    stream = await sidecar.opened(**fields)
    push = await stream.expect(Push)
    await stream.ack(push)
    return stream, push


async def split(first: int, application: str = "order") -> None:
    """Put a split between Group_1 and Group_2 in force."""
    await told(
        lambda: split_set(
            application=application,
            split={"Group_1": first, "Group_2": 100 - first},
            expected_version=None,
            actor="test",
            force=True,
        )
    )


async def group(name: str, application: str = "order") -> None:
    """Give an application another group."""
    await told(
        lambda: group_add(Application.objects.get(name=application), name, actor="test", reason="")
    )
