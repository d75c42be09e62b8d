"""The one place where a process is put together: read it top to bottom to know what runs."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from time import monotonic
from typing import Protocol

from proxy import __version__, aio
from proxy.access_log import AccessLog
from proxy.admin import Admin, Door, Doors, Page, json_page, metrics_page
from proxy.contract.session import Gauges
from proxy.contract.snapshot import Endpoint, Service
from proxy.current import Choice, Current, Member, Target
from proxy.listener import Listener, Unheard
from proxy.metrics import exposition
from proxy.pools import Pools
from proxy.server import Server
from proxy.settings import HostPort, MeshSettings, Settings, StandaloneSettings
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
    """A stand-alone proxy is told everything on its command line."""

    ready = True

    async def run(self) -> None:
        """Nothing to do."""

    async def leave(self) -> None:
        """Nobody to tell."""

    def status(self) -> dict[str, object]:
        """Nothing to say."""
        return {}


class Process:
    """A running proxy: its doors, what it holds, and who tells it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.current = Current()
        self.windows = Windows()
        self.server = Server(settings.limits)
        self.control: Control = Alone()
        self.began = monotonic()
        self._stop = asyncio.Event()
        self._admin = Admin(self._doors())

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
        choice = fixed("upstream", settings.upstream)
        listener = Listener(
            name="listen",
            side="in" if tls_in and not tls_out else "out",
            routing=FixedRouter(choice),
            members=lambda: choice.members,
            pools=Pools(settings.limits, tls_out),
            windows=self.windows,
            failures=Unheard(),
            access_log=_log(settings.access_log, "listen"),
            limits=settings.limits,
        )
        await self.server.open(listener, settings.listen, tls_in)

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

    # what the admin door shows

    def _doors(self) -> Doors:
        return {
            b"/livez": Door(b"GET", lambda: json_page({"alive": True})),
            b"/readyz": Door(b"GET", self._ready),
            b"/stats": Door(b"GET", lambda: json_page(self._stats())),
            b"/metrics": Door(b"GET", self._metrics),
            b"/config": Door(b"GET", self._config),
            b"/drain": Door(b"POST", self._drain),
        }

    def _ready(self) -> Page:
        ready = self.control.ready and not self.server.draining
        return json_page({"ready": ready}, 200 if ready else 503)

    def _stats(self) -> dict[str, object]:
        return {
            "version": __version__,
            "pid": os.getpid(),
            "up_seconds": round(monotonic() - self.began, 1),
            "draining": self.server.draining,
            "control": self.control.status(),
            "revision": self.current.v,
            "digest": self.current.digest,
            "listeners": {
                listener.name: {
                    "callers": len(listener.callers),
                    "accepted": listener.accepted,
                    "turned_away": listener.turned_away,
                    "refusals": listener.refusals,
                    "log_lines_dropped": listener.access_log.dropped if listener.access_log else 0,
                    "endpoints": [_member(member) for member in listener.members()],
                }
                for listener in self.server.listeners
            },
            "edges": self.windows.totals(),
        }

    def _metrics(self) -> Page:
        gauges = {
            "up_seconds": monotonic() - self.began,
            "revision": float(self.current.v),
            "loop_late_seconds": self.server.late_seconds,
            "draining": float(self.server.draining),
        }
        return metrics_page(exposition(self.windows.totals(), self.server.listeners, gauges))

    def _config(self) -> Page:
        return json_page(
            {
                "revision": self.current.v,
                "digest": self.current.digest,
                "snapshot": self.current.snapshot,
            }
        )

    def _drain(self) -> Page:
        asyncio.get_running_loop().call_soon(self._stop.set)
        return json_page({"draining": True}, 202)


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


def _member(member: Member) -> dict[str, object]:
    stats = member.stats
    return {
        "service": stats.service,
        "id": member.endpoint.id,
        "addr": member.endpoint.addr,
        "group": member.endpoint.group,
        "unit": member.endpoint.unit,
        "weight": member.endpoint.weight,
        "attempts": stats.attempts,
        "answered": stats.answered,
        "errors": {error: n for error, n in stats.errors().items() if n},
        "in_flight": stats.in_flight,
        "connections": member.opened,
        "idle": member.idle,
        "waiting": member.waiting,
    }
