"""Words of sidecars about their links, and traffic between them, as Redis keeps both."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from meshconsole.core import redis
from meshconsole.telemetry import links
from meshconsole.telemetry.reader import EDGES
from meshconsole.telemetry.services import WindowStore
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import EdgeWindow, LinkCounts, LinkState
from proxy.contract.session import Report


def links_said(
    instance: str, *, app: str = "order", edges: tuple[LinkCounts, ...] = (), **state: Any
) -> None:
    """The latest word of a sidecar."""
    told = links.Told(
        instance=instance,
        app=app,
        unit="unit1",
        boot="b",
        at=time.time(),
        state=LinkState(**state),
        edges=edges,
    )
    redis.client(text=False).hset(links.TOLD, mapping={told.name: links.encode(told)})


def calls_counted(caller: str, callee: str, *, plain: int = 0, encrypted: int = 0) -> None:
    """Requests between two applications a minute ago, as the caller saw them."""
    windows = [
        EdgeWindow(
            side="out",
            app=callee,
            unit="unit1",
            group="Group_1",
            interface="GET /a",
            encrypted=is_encrypted,
            requests=count,
        )
        for is_encrypted, count in ((False, plain), (True, encrypted))
        if count
    ]
    asyncio.run(_counted(caller, windows))
    EDGES.forget()


async def _counted(caller: str, windows: list[EdgeWindow]) -> None:
    identity = InstanceIdentity(
        trust_domain="mesh.local", unit="unit1", app=caller, instance=f"{caller}-1"
    )
    at = time.time() - 60
    store = WindowStore("s1")
    report = Report(seq=1, window_start=at, window_end=at + 1, up=windows)
    store.add(identity, "Group_1", f"boot-{caller}-{at}", report)
    await store.flush()
    await redis.async_close()
