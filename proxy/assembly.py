"""The one place where a process is put together: read it top to bottom to know what runs."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Collection, Sequence
from time import monotonic

from proxy import aio
from proxy.access_log import opened_log
from proxy.admin import Admin
from proxy.contract.session import Gauges
from proxy.contract.snapshot import Endpoint, Service, ServiceProtocol
from proxy.control import Alone, Control
from proxy.current import Choice, Current, Member, Target
from proxy.errors import Refusal
from proxy.handover.passage import Passage
from proxy.listener import Listener, Routing, Unheard
from proxy.notify import READY, STOPPING, main_process, notify
from proxy.pages import Pages
from proxy.pools import Pools
from proxy.server import Server
from proxy.settings import HostPort, InvalidSettings, MeshSettings, Settings, StandaloneSettings
from proxy.snapshot_file import InvalidSnapshot, SnapshotFile
from proxy.sockets import Sockets
from proxy.steering.router import FixedRouter, Router
from proxy.tcp.doors import open_beside, open_intercept_inbound, spoken_at
from proxy.windows import Windows

logger = logging.getLogger("proxy")

FAREWELL_SECONDS = 0.5
"""After unpublishing, callers need a moment to hear of it; until then they are still accepted."""


class Process:
    """A running proxy: its doors, what it holds, and who tells it."""

    def __init__(self, settings: Settings, command: Sequence[str] = ()) -> None:
        self.settings = settings
        self.current = (
            Current(settings.unit, settings.instance)
            if isinstance(settings, MeshSettings)
            else Current()
        )
        self.windows = Windows()
        self.server = Server(settings.limits, accepting=False)
        self.control: Control = Alone()
        self.began = monotonic()
        self._stop = asyncio.Event()
        self._now = asyncio.Event()
        self._told = False
        self.file: SnapshotFile | None = None
        """Where a stand-alone proxy's snapshot comes from, if from a file."""
        self._admin = Admin(Pages(self).doors())
        self.passage = Passage(self, settings.handover, command)

    async def run(self) -> int:
        """Serve until SIGTERM, SIGINT, /drain or a handover; the exit status."""
        self._heed_signals()
        self.server.sockets = Sockets(await self.passage.begin())
        if isinstance(self.settings, MeshSettings):
            await self._open_mesh(self.settings)
        else:
            await self._open_alone(self.settings)
        if self.settings.admin is not None:
            await self._admin.open(self.settings.admin, self.sockets)
        gc.collect()
        gc.freeze()
        clock = aio.spawn(self.server.keep_time(), name="keep time")
        control = await self._begin()
        await self._stop.wait()
        status = await self._end()
        await aio.cancelled(control)
        await aio.cancelled(clock)
        return status

    async def _begin(self) -> asyncio.Task[None]:
        """Everything is open: take over if there is somebody to take over from, then accept."""
        self.control.begin(await self.passage.claim())
        await self.server.accept()
        await self._admin.accept()
        await self.passage.settle()
        for listener in self.server.listeners:
            logger.info("%s is open", listener.name)
        notify(READY, main_process(os.getpid()))
        return aio.spawn(self.control.run(), name="control")

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        loop.add_signal_handler(signal.SIGUSR2, self._told_to_upgrade)

    async def _open_alone(self, settings: StandaloneSettings) -> None:
        tls_in = tls_out = None
        if settings.listen_tls or settings.upstream_tls:
            from proxy.encryption.contexts import ClientContexts, server_context

            if settings.listen_tls:
                tls_in = server_context(settings.listen_tls, settings.protocol)
            tls_out = ClientContexts(settings.upstream_tls) if settings.upstream_tls else None
        routing, members = self._alone_routing(settings)
        listener = Listener(
            name="listen",
            side="in" if tls_in and not tls_out else "out",
            routing=routing,
            members=members,
            pools=Pools(settings.limits, tls_out),
            windows=self.windows,
            failures=Unheard(),
            access_log=opened_log(settings.access_log, "listen"),
            limits=settings.limits,
            speaks=spoken_at(settings.protocol, settings.tcp, settings.listen, *settings.upstream),
            tunnels=routing if isinstance(routing, FixedRouter) else None,
        )
        await self.server.open(listener, settings.listen, tls_in)
        await open_beside(self.server, listener, self.current, settings.tcp, settings.access_log)

    def _alone_routing(
        self, settings: StandaloneSettings
    ) -> tuple[Routing, Callable[[], Collection[Member]]]:
        if settings.snapshot is None:
            choice = fixed("upstream", settings.upstream, protocol=settings.upstream_protocol)
            return FixedRouter(choice), lambda: choice.members
        self.file = SnapshotFile(settings.snapshot, self.current)
        self.control = Alone(self.file)
        try:
            self.file.load()
        except InvalidSnapshot as error:
            raise InvalidSettings(f"--snapshot {error}") from None
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.file.reload)
        return Router(self.current), lambda: self.current.table.members.values()

    async def _open_mesh(self, settings: MeshSettings) -> None:
        from proxy.agent import Agent
        from proxy.healing.detector import Detector

        detector = Detector()
        agent = Agent(settings, self.current, self.windows, detector, gauges=self._gauges)
        agent.restore(self.passage.offered)
        self.control = agent

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
        )
        outbound = Listener(
            name="outbound",
            side="out",
            routing=Router(self.current),
            members=lambda: self.current.table.members.values(),
            pools=Pools(settings.limits),
            windows=self.windows,
            failures=detector,
            access_log=opened_log(settings.access_log, "outbound"),
            limits=settings.limits,
        )
        await self.server.open(inbound, settings.inbound)
        await self.server.open(outbound, settings.outbound)
        await open_intercept_inbound(
            self.server, inbound, own, own_at, settings.tcp, settings.access_log
        )
        await open_beside(self.server, outbound, self.current, settings.tcp, settings.access_log)

    def _gauges(self) -> Gauges:
        """Connections of this sidecar, both directions, by encryption."""
        plain = tls = 0
        for listener in self.server.listeners:
            upstreams = sum(member.opened for member in listener.members())
            encrypted = sum(caller.encrypted for caller in listener.callers)
            tls += encrypted + (upstreams if listener.pools.tls else 0)
            plain += len(listener.callers) - encrypted + (0 if listener.pools.tls else upstreams)
        return Gauges(plain_conns=plain, tls_conns=tls)

    # the end

    async def _end(self) -> int:
        """Leave so that no request notices, or at once when told a second time."""
        leaving = aio.spawn(self._leave(), name="leave")
        hurried = aio.spawn(self._now.wait(), name="told to stop again")
        await asyncio.wait({leaving, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            await aio.cancelled(hurried)
            return 0
        logger.warning("told to stop again: what is under way is cut off")
        await aio.cancelled(leaving)
        self.server.cut_off()
        return 1

    async def _leave(self) -> None:
        """Not ready, unpublish, announce, accept nobody new, drain, and keep what was seen.

        After a handover there is nothing to unpublish, and the queues are somebody else's.
        """
        logger.info("draining")
        self.server.draining = True
        if self.passage.heir is not None:
            self.control.pass_on(self.passage.pass_on)
            self.server.stop_accepting()
            self._admin.close()
            cut = await self.server.drain(self.settings.limits.handover_seconds)
        else:
            notify(STOPPING)
            await self.control.leave()
            self.server.start_draining()
            if not isinstance(self.control, Alone):
                await asyncio.sleep(FAREWELL_SECONDS)
            cut = await self.server.drain()
        await self.control.retire()
        await self.passage.close()
        self._admin.close()
        if cut:
            logger.warning("%d connections were cut off after the drain", cut)

    def stop(self) -> None:
        """Begin to leave."""
        self._stop.set()

    def handed_over(self) -> None:
        """Another process accepts now."""
        self._stop.set()

    @property
    def sockets(self) -> Sockets:
        """What this process listens on."""
        return self.server.sockets

    @property
    def draining(self) -> bool:
        """Does it end?"""
        return self._stop.is_set()

    def _told_to_stop(self) -> None:
        if self._told:
            self._now.set()
        self._told = True
        self._stop.set()

    def _told_to_upgrade(self) -> None:
        try:
            self.passage.upgrade()
        except Refusal as refusal:
            logger.warning("%s", refusal.sentence)


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
