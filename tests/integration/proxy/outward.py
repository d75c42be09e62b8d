"""A sidecar's outbound side before a real inbound one: four protocols, counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxy.aio import spawn
from proxy.contract.snapshot import Endpoint, Offer, Service, Snapshot, Trust
from proxy.current import Current
from proxy.encryption.holder import Holder
from proxy.encryption.outward import Outward
from proxy.links.ledger import Ledger, imbalance_of
from proxy.listener import Listener
from proxy.pools import Pools
from proxy.server import Server
from proxy.settings import HostPort
from proxy.steering.router import Router
from proxy.tcp.routing import ToApplication
from proxy.windows import Windows
from tests.harness.authority import TRUST_DOMAIN, MeshRoot
from tests.integration.proxy.guarded import ROOT, identity_of
from tests.integration.proxy.rig import LOOPBACK, QUICK, Ear


class Outbound:
    """The outbound side of a sidecar of `front`; `order` is what it calls."""

    def __init__(self) -> None:
        self.current = Current()
        self.holder = Holder()
        self.current.watch(lambda: self.holder.follow(self.current.snapshot))
        self.ledger = Ledger()
        self.windows = Windows()
        self.ear = Ear()
        self.server = Server(QUICK)
        self.outward = Outward(self.holder, self.ledger)
        pools = Pools(QUICK, self.outward, self.ledger)
        routing = Router(self.current)
        self.requests, self.sessions = (
            Listener(
                name=name,
                side="out",
                routing=routing,
                members=lambda: tuple(self.current.table.members.values()),
                pools=pools,
                windows=self.windows,
                failures=self.ear,
                access_log=None,
                limits=QUICK,
                speaks="auto" if name == "outbound" else "tcp",
                tunnels=None if name == "outbound" else ToApplication(routing, "order"),
            )
            for name in ("outbound", "tcp order")
        )

    def follow(
        self,
        offer: Offer,
        *ports: int,
        instance: str = "order-1",
        roots: tuple[MeshRoot, ...] = (ROOT,),
    ) -> None:
        """A snapshot comes, in which `order` says this."""
        endpoints = tuple(
            Endpoint(
                id=instance if at == 0 else f"order-{at + 1}",
                addr=f"{LOOPBACK}:{port}",
                group="g",
                unit="unit1",
                tls=offer,
            )
            for at, port in enumerate(ports)
        )
        service = Service(name="order", endpoints=endpoints, groups=("g",))
        trust = Trust(name="mesh", domain=TRUST_DOMAIN, roots=tuple(root.pem for root in roots))
        snapshot = Snapshot(service={"order": service}, trust={"mesh": trust})
        self.current.swap(snapshot, self.current.v + 1)

    def certify(self) -> None:
        """A renewal: another certificate of the same name."""
        self.holder.certify(identity_of("front"))

    async def dial(
        self, listener: Listener | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of the application that is here."""
        at = self.server.listeners.index(listener or self.requests)
        return await asyncio.open_connection(LOOPBACK, self.server.ports[at])

    def sums(self) -> Counter[str]:
        """The ledger, added up, and how much of what is open now is encrypted."""
        found: Counter[str] = Counter()
        for row in self.ledger.told().edges:
            assert imbalance_of(row) == 0, row
            for name in ("started", "completed", "failed", "cancelled", "cut", "in_flight"):
                found[name] += getattr(row, name)
            found["handshakes_failed"] += row.handshakes_failed
            closed = row.closed_clean + row.closed_by_peer + row.closed_hard
            kind = "encrypted" if row.encrypted else "plain"
            found[f"{row.protocol} {kind}"] += row.opened - closed
            found[f"{kind} started"] += row.started
        return found


@asynccontextmanager
async def outward(*, certified: bool = True) -> AsyncIterator[Outbound]:
    """An outbound side, with its clock running."""
    made = Outbound()
    if certified:
        made.certify()
    for listener in (made.requests, made.sessions):
        await made.server.open(listener, HostPort(LOOPBACK, 0))
    clock = spawn(made.server.keep_time(), name="clock of a test")
    try:
        yield made
    finally:
        await made.server.drain()
        clock.cancel()
        await asyncio.wait({clock})
    made.sums()
