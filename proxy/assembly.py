"""The one place where a process is put together: read it top to bottom to know what runs."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Collection
from time import monotonic
from typing import Protocol

from proxy import aio
from proxy.access_log import AccessLog
from proxy.admin import Admin
from proxy.contract.session import Gauges
from proxy.contract.snapshot import Endpoint, Service
from proxy.current import Choice, Current, Member, Target
from proxy.listener import Listener, Routing, Unheard
from proxy.pages import Pages
from proxy.pools import Pools
from proxy.server import Server
from proxy.settings import HostPort, InvalidSettings, MeshSettings, Settings, StandaloneSettings
from proxy.snapshot_file import InvalidSnapshot, SnapshotFile
from proxy.steering.router import FixedRouter, Router
from proxy.windows import Windows

logger = logging.getLogger("proxy")

FAREWELL_SECONDS = 0.5
"""After unpublishing, callers need a moment to hear of it; until then they are still accepted."""


class Control(Protocol):
    """Who tells this process what to do: the agent of a mesh, or nobody."""

    @property
    def ready(self) -> bool:
        """Is there something to serve by?"""

    async def run(self) -> None:
        """Until it is told to leave."""

    async def leave(self) -> None:
        """Tell the console that this instance goes."""

    def status(self) -> dict[str, object]:
        """For the admin page."""


class Alone:
    """A stand-alone proxy is told everything on its command line, or by a file named there."""

    ready = True

    def __init__(self, file: SnapshotFile | None = None) -> None:
        self._file = file

    async def run(self) -> None:
        """Nothing to do."""

    async def leave(self) -> None:
        """Nobody to tell."""

    def status(self) -> dict[str, object]:
        """What became of the file."""
        return self._file.status() if self._file else {}


class Process:
    """A running proxy: its doors, what it holds, and who tells it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.current = (
            Current(settings.unit, settings.instance)
            if isinstance(settings, MeshSettings)
            else Current()
        )
        self.windows = Windows()
        self.server = Server(settings.limits)
        self.control: Control = Alone()
        self.began = monotonic()
        self._stop = asyncio.Event()
        self.file: SnapshotFile | None = None
        """Where a stand-alone proxy's snapshot comes from, if from a file."""
        self._admin = Admin(Pages(self).doors())

    async def run(self) -> int:
        """Serve until SIGTERM, SIGINT or /drain; the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        if isinstance(self.settings, MeshSettings):
            await self._open_mesh(self.settings)
        else:
            await self._open_alone(self.settings)
        if self.settings.admin is not None:
            await self._admin.open(self.settings.admin)
        for listener in self.server.listeners:
            logger.info("%s is open", listener.name)
        gc.collect()
        gc.freeze()
        clock = aio.spawn(self.server.keep_time(), name="keep time")
        control = aio.spawn(self.control.run(), name="control")
        await self._stop.wait()
        await self._end()
        await aio.cancelled(control)
        await aio.cancelled(clock)
        return 0

    async def _open_alone(self, settings: StandaloneSettings) -> None:
        tls_in = tls_out = None
        if settings.listen_tls or settings.upstream_tls:
            from proxy.encryption.contexts import ClientContexts, server_context

            tls_in = server_context(settings.listen_tls) if settings.listen_tls else None
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
            access_log=_log(settings.access_log, "listen"),
            limits=settings.limits,
        )
        await self.server.open(listener, settings.listen, tls_in)

    def _alone_routing(
        self, settings: StandaloneSettings
    ) -> tuple[Routing, Callable[[], Collection[Member]]]:
        if settings.snapshot is None:
            choice = fixed("upstream", settings.upstream)
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
        agent.restore()
        self.control = agent
        own = fixed(
            settings.app,
            (settings.app_address,),
            unit=settings.unit,
            group=settings.group,
            interfaces=settings.interfaces,
        )
        inbound = Listener(
            name="inbound",
            side="in",
            routing=FixedRouter(own),
            members=lambda: own.members,
            pools=Pools(settings.limits),
            windows=self.windows,
            failures=Unheard(),
            access_log=_log(settings.access_log, "inbound"),
            limits=settings.limits,
        )
        outbound = Listener(
            name="outbound",
            side="out",
            routing=Router(self.current),
            members=lambda: self.current.table.members.values(),
            pools=Pools(settings.limits),
            windows=self.windows,
            failures=detector,
            access_log=_log(settings.access_log, "outbound"),
            limits=settings.limits,
        )
        await self.server.open(inbound, settings.inbound)
        await self.server.open(outbound, settings.outbound)

    def _gauges(self) -> Gauges:
        """Connections of this sidecar, both directions, by encryption."""
        plain = tls = 0
        for listener in self.server.listeners:
            upstreams = sum(member.opened for member in listener.members())
            encrypted = sum(caller.encrypted for caller in listener.callers)
            tls += encrypted + (upstreams if listener.pools.tls else 0)
            plain += len(listener.callers) - encrypted + (0 if listener.pools.tls else upstreams)
        return Gauges(plain_conns=plain, tls_conns=tls)

    async def _end(self) -> None:
        """Leave so that no request notices: unpublish, announce, drain."""
        logger.info("draining")
        self.server.start_draining()
        if not isinstance(self.control, Alone):
            await self.control.leave()
            await asyncio.sleep(FAREWELL_SECONDS)
        cut = await self.server.drain()
        self._admin.close()
        if cut:
            logger.warning("%d connections were cut off after the drain", cut)

    def stop(self) -> None:
        """Begin to leave."""
        self._stop.set()


def fixed(
    name: str,
    places: tuple[HostPort, ...],
    unit: str = "",
    group: str = "all",
    interfaces: tuple[str, ...] = (),
) -> Choice:
    """The members of a listener that is told once where its requests go."""
    service = Service(
        name=name,
        endpoints=tuple(
            Endpoint(id=str(place), addr=str(place), group=group, unit=unit) for place in places
        ),
        groups=(group,),
        interfaces=interfaces,
    )
    members = tuple(Member(service, endpoint) for endpoint in service.endpoints)
    return Target(service, members, None).everyone


def _log(place: str | None, listener: str) -> AccessLog | None:
    if not place:
        return None
    log = AccessLog(place, listener)
    log.check()
    return log
