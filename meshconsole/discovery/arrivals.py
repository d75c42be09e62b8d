"""Sidecars that come and go, told to the inventory in batches: one transaction for many."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from django.db import InterfaceError, OperationalError

from meshconsole.discovery.desk import Desk
from meshconsole.inventory.models import Instance
from meshconsole.inventory.services import instances_gone, instances_register
from proxy.contract.identity import Node

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.05
BATCH_LIMIT = 256
WAITING_LIMIT = 20_000
_AGAIN_SECONDS = 1.0
OUTAGES = (OperationalError, InterfaceError, TimeoutError)


class Arrivals:
    """Registers nodes and takes goodbyes; while the database is away both wait."""

    def __init__(
        self, desk: Desk, now: Callable[[], datetime], refuse: Callable[[Node, str], None]
    ) -> None:
        self._desk = desk
        self._now = now
        self._refuse = refuse
        self._arrived: dict[str, Node] = {}
        self._left: dict[str, Node] = {}
        self._work = asyncio.Event()

    def arrived(self, node: Node) -> bool:
        """Register this node soon; False when too many wait already."""
        if len(self._arrived) >= WAITING_LIMIT:
            return False
        self._left.pop(node.id, None)
        self._arrived[node.id] = node
        self._work.set()
        return True

    def left(self, node: Node) -> None:
        """Take this node out soon, unless it has come back by then."""
        self._arrived.pop(node.id, None)
        self._left[node.id] = node
        self._work.set()

    async def run(self) -> None:
        """Write batches as they come."""
        while True:
            await self._work.wait()
            if len(self._arrived) < BATCH_LIMIT:
                await asyncio.sleep(GATHER_SECONDS)
            self._work.clear()
            try:
                await self._write()
            except OUTAGES as error:
                logger.warning("registration waits for the database", extra={"error": str(error)})
                await asyncio.sleep(_AGAIN_SECONDS)
            if self._arrived or self._left:
                self._work.set()

    async def _write(self) -> None:
        batch = {key: self._arrived[key] for key in list(self._arrived)[:BATCH_LIMIT]}
        gone = dict(self._left)
        for node, reason in await self._desk.ask(_registered, list(batch.values()), self._now()):
            self._refuse(node, reason)
        await self._desk.ask(_removed, list(gone.values()))
        for waiting, done in ((self._arrived, batch), (self._left, gone)):
            for key, node in done.items():
                if waiting.get(key) is node:
                    del waiting[key]


def _registered(nodes: list[Node], now: datetime) -> list[tuple[Node, str]]:
    """Register what may be registered; the others with the reason why not."""
    if not nodes:
        return []
    held = {
        instance: (app, unit)
        for instance, app, unit in Instance.objects.open()
        .filter(instance_id__in=[node.id for node in nodes])
        .values_list("instance_id", "application__name", "unit__name")
    }
    refused = [
        (node, f"Instance {node.id!r} is one of {held[node.id][0]!r} in {held[node.id][1]!r}.")
        for node in nodes
        if node.id in held and held[node.id] != (node.app, node.unit)
    ]
    taken = {node.id for node, _ in refused}
    free = [node for node in nodes if node.id not in taken]
    return refused + _kept(free, now)


def _kept(nodes: list[Node], now: datetime) -> list[tuple[Node, str]]:
    """Register a batch; one node that cannot be kept does not keep the others out."""
    try:
        instances_register(nodes, now)
    except OUTAGES:
        raise
    except Exception:
        logger.exception("a batch of registrations failed", extra={"count": len(nodes)})
        if len(nodes) == 1:
            return [(nodes[0], "This registration cannot be kept; the console's log says why.")]
        return [refused for node in nodes for refused in _kept([node], now)]
    return []


def _removed(nodes: list[Node]) -> None:
    """Only the process that said goodbye goes; a newer one under the same name stays."""
    ids = [
        node.id
        for node in nodes
        if Instance.objects.filter(instance_id=node.id, boot_id=node.boot_id).exists()
    ]
    if ids:
        instances_gone(ids, "its sidecar said goodbye")
