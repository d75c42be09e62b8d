"""The one place where a process is put together: read it top to bottom to know what runs."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from proxy import aio
from proxy.access_log import opened_log
from proxy.admin import Admin
from proxy.contract.snapshot import Endpoint, Service, ServiceProtocol
from proxy.control import Alone, Control
from proxy.current import Choice, Current, Member, Target
from proxy.dialling import ByFiles
from proxy.encryption.contexts import server_context
from proxy.encryption.holder import Holder
from proxy.encryption.outward import Outward
from proxy.facing import Routing
from proxy.failures import Failures, Unheard
from proxy.handover.passage import Passage
from proxy.healing.warden import Warden
from proxy.inbound.side import InboundSide
from proxy.leaving import Leaving
from proxy.links.ledger import Ledger
from proxy.links.standing import gauges_of, links_of
from proxy.listener import Listener
from proxy.notify import READY, main_process, notify
from proxy.pages import Pages
from proxy.pools import Pools
from proxy.server import Server
from proxy.settings import HostPort, InvalidSettings, MeshSettings, Settings, StandaloneSettings
from proxy.snapshot_file import InvalidSnapshot, SnapshotFile
from proxy.sockets import Bound, Sockets
from proxy.steering.router import FixedRouter, Router
from proxy.tcp.doors import open_beside, open_intercept_inbound, spoken_at
from proxy.windows import Windows

if TYPE_CHECKING:
    from proxy.workers.crew import Crew
    from proxy.workers.told import Told

logger = logging.getLogger("proxy")


class Process:
    """A running proxy: its doors, what it holds, and who tells it."""

    def __init__(self, settings: Settings, command: Sequence[str] = ()) -> None:
        self.settings = settings
        self.current = (
            Current(settings.unit, settings.instance)
            if isinstance(settings, MeshSettings)
            else Current()
        )
        self.holder = Holder()
        """What a sidecar proves and believes; empty in a stand-alone proxy."""
        self.inbound: InboundSide | None = None
        """Of a sidecar: who is let in."""
        self.windows = Windows()
        self.ledger = Ledger()
        self.server = Server(settings.limits, accepting=False)
        self.control: Control = Alone()
        self.began = monotonic()
        self._leaving = Leaving(self)
        self.file: SnapshotFile | None = None
        """Where a stand-alone proxy's snapshot comes from, if from a file."""
        self.admin = Admin(Pages(self).doors())
        self.passage = Passage(self, settings.handover, command)
        self.crew: Crew | None = None
        """Workers that carry the bytes; None carries them here."""
        self._told_by_parent: Told | None = None
        self._failures: Failures = Unheard()
        self.warden = Warden(self.current)
        """Ejects endpoints; in a worker its parent's word counts instead."""

    async def run(self) -> int:
        """Serve until SIGTERM, SIGINT, /drain or a handover; the exit status."""
        self._leaving.heed_signals()
        self.server.sockets = Sockets(await self.passage.begin(), self.settings.workers)
        await self.open()
        doors = self.sockets.all()
        if self.settings.admin is not None:
            await self.admin.open(self.settings.admin, self.sockets)
        if self.settings.workers > 1:
            await self._start_workers(doors)
        gc.collect()
        gc.freeze()
        clock = aio.spawn(self.server.keep_time(), name="keep time")
        control = await self._begin()
        checks = self._begin_checks()
        status = await self._leaving.over()
        await aio.cancelled(checks)
        await aio.cancelled(control)
        await aio.cancelled(clock)
        return status

    async def open(self) -> None:
        """Open every door of traffic; raises InvalidSettings."""
        if isinstance(self.settings, MeshSettings):
            await self._open_mesh(self.settings)
        else:
            await self._open_alone(self.settings)

    def be_told(self, told: Told) -> Told:
        """Be a worker: no file, no console, but a parent."""
        self._told_by_parent = self.control = told
        return told

    async def _start_workers(self, doors: list[Bound]) -> None:
        from proxy.workers.crew import Crew
        from proxy.workers.merge import Merger

        merger = Merger(lambda: self.server.listeners, self.windows, self._failures, self.ledger)
        self.crew = Crew(self.settings, self.current, merger, self.holder, self.warden)
        await self.crew.start(doors)

    async def in_step(self) -> bool:
        """Wait, some seconds at most, until every worker has what is in force; does it?"""
        return self.crew is None or await self.crew.in_step()

    async def _begin(self) -> asyncio.Task[None]:
        """Everything is open: take over if there is somebody to take over from, then accept."""
        self.control.bequest.begin(await self.passage.claim())
        await (self.crew.accept() if self.crew else self.server.accept())
        await self.admin.accept()
        await self.passage.settle()
        for listener in self.server.listeners:
            logger.info("%s is open", listener.name)
        notify(READY, main_process(os.getpid()))
        return aio.spawn(self.control.run(), name="control")

    def _begin_checks(self) -> asyncio.Task[None] | None:
        if self.inbound is None:
            return None
        door = self.inbound.gate.listeners[0]
        return self.inbound.begin_checks(lambda: self.server.address_of(door))

    async def _open_alone(self, settings: StandaloneSettings) -> None:
        tls, files = settings.listen_tls, settings.upstream_tls
        tls_in = server_context(tls, settings.protocol) if tls else None
        routing, members = self._alone_routing(settings)
        self._failures = self._failures_alone(settings)
        listener = Listener(
            name="listen",
            side="in" if tls_in and not files else "out",
            routing=routing,
            members=members,
            pools=Pools(settings.limits, ByFiles(files) if files else None, self.ledger),
            windows=self.windows,
            failures=self._failures,
            access_log=opened_log(settings.access_log, "listen"),
            limits=settings.limits,
            speaks=spoken_at(settings.protocol, settings.tcp, settings.listen, *settings.upstream),
            tunnels=routing if isinstance(routing, FixedRouter) else None,
            ledger=self.ledger,
        )
        listener.source_limit = settings.limits.source_connections
        await self.server.open(listener, settings.listen, tls_in)
        await open_beside(self.server, listener, self.current, settings.tcp, settings.access_log)

    def _failures_alone(self, settings: StandaloneSettings) -> Failures:
        """Heard where there is more than one fixed place to call."""
        if self._told_by_parent is not None:
            return self._told_by_parent.failures
        return Unheard() if settings.snapshot is None else self._watched()

    def _alone_routing(
        self, settings: StandaloneSettings
    ) -> tuple[Routing, Callable[[], Collection[Member]]]:
        if settings.snapshot is None:
            choice = fixed("upstream", settings.upstream, protocol=settings.upstream_protocol)
            return FixedRouter(choice), lambda: choice.members
        if self._told_by_parent is not None:
            return Router(self.current), lambda: self.current.table.members.values()
        self.file = SnapshotFile(settings.snapshot, self.current)
        self.control = Alone(self.file)
        try:
            self.file.load()
        except InvalidSnapshot as error:
            raise InvalidSettings(f"--snapshot {error}") from None
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        return Router(self.current), lambda: self.current.table.members.values()

    async def _open_mesh(self, settings: MeshSettings) -> None:
        side = self.inbound = InboundSide(settings, self.current, self.holder, self.windows)
        self._failures = self._controlled(settings)

        def own_at(port: int) -> Choice:
            return fixed(
                settings.app,
                (HostPort(settings.app_address.host, port),),
                unit=settings.unit,
                group=settings.group,
                interfaces=settings.interfaces,
            )

        own = own_at(settings.app_address.port)
        to_own = FixedRouter(own)
        inbound = Listener(
            name="inbound",
            side="in",
            routing=to_own,
            members=lambda: own.members,
            pools=Pools(settings.limits),
            windows=self.windows,
            failures=Unheard(),
            access_log=opened_log(settings.access_log, "inbound"),
            limits=settings.limits,
            speaks=spoken_at(
                settings.protocol, settings.tcp, settings.inbound, settings.app_address
            ),
            tunnels=to_own if settings.protocol in ("auto", "tcp") else None,
            gate=side.gate,
            ledger=self.ledger,
        )
        outbound = Listener(
            name="outbound",
            side="out",
            routing=Router(self.current),
            members=lambda: self.current.table.members.values(),
            pools=Pools(settings.limits, Outward(self.holder, self.ledger), self.ledger),
            windows=self.windows,
            failures=self._failures,
            access_log=opened_log(settings.access_log, "outbound"),
            limits=settings.limits,
        )
        await self.server.open(inbound, settings.inbound)
        await self.server.open(outbound, settings.outbound)
        await open_intercept_inbound(
            self.server, inbound, own, own_at, settings.tcp, settings.access_log
        )
        await open_beside(self.server, outbound, self.current, settings.tcp, settings.access_log)

    def _controlled(self, settings: MeshSettings) -> Failures:
        """By an agent of its own, or by a parent that has one; who hears of failures."""
        if self._told_by_parent is not None:
            return self._told_by_parent.failures
        from proxy.agent import Agent
        from proxy.healing.detector import Detector

        detector = Detector(scope_of=self.warden.scope_of)
        self.warden.heard = detector.failed
        agent = Agent(
            settings,
            self.current,
            self.windows,
            detector,
            holder=self.holder,
            gauges=lambda: gauges_of(self.server.listeners),
            links=lambda: links_of(self),
            in_step=self.in_step,
            warden=self.warden,
        )
        agent.restore(self.passage.offered)
        self.control = agent
        return self._watched()

    def _watched(self) -> Failures:
        """Endpoints are judged here, where failures are heard and time is kept."""
        self.server.each_tick = self.warden.tick
        return self.warden

    def _reload(self) -> None:
        if self.file is not None:
            self.file.reload()
            aio.spawn(self.in_step(), name="see that workers follow")

    # what others ask of it

    def stop(self) -> None:
        """Begin to leave."""
        self._leaving.begin()

    def handed_over(self) -> None:
        """Another process accepts now."""
        self._leaving.begin()

    @property
    def ready(self) -> bool:
        """Should callers be sent here?"""
        workers = self.crew is None or self.crew.ready
        return self.control.ready and workers and not self.server.draining

    @property
    def sockets(self) -> Sockets:
        """What this process listens on."""
        return self.server.sockets

    @property
    def draining(self) -> bool:
        """Does it end?"""
        return self._leaving.begun


def fixed(
    name: str,
    places: tuple[HostPort, ...],
    unit: str = "",
    group: str = "all",
    interfaces: tuple[str, ...] = (),
    protocol: ServiceProtocol = "auto",
) -> Choice:
    """The members of a listener that is told once where its requests go."""
    service = Service(
        name=name,
        endpoints=tuple(
            Endpoint(id=str(place), addr=str(place), group=group, unit=unit) for place in places
        ),
        groups=(group,),
        interfaces=interfaces,
        protocol=protocol,
    )
    members = tuple(Member(service, endpoint) for endpoint in service.endpoints)
    return Target(service, members, None).everyone
