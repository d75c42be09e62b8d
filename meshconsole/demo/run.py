"""From nothing to a mesh that serves, and down again: the order in which the demo does things."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable

import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings

from meshconsole.demo import seed, store
from meshconsole.demo.children import Child
from meshconsole.demo.control import Door, socket_path
from meshconsole.demo.crew import SampleCrew
from meshconsole.demo.effects import Effects
from meshconsole.demo.look import serves
from meshconsole.demo.mesh import Place, places
from meshconsole.demo.orders import Orders
from meshconsole.demo.ports import HOST, Ports
from meshconsole.demo.processes import Cast, Doors, configured_redis
from meshconsole.demo.state import DemoFile, ProcessLine, ServiceLine, State, write_secret
from meshconsole.demo.summary import summary
from meshconsole.demo.supervisor import NotReady, Supervisor

READY_SECONDS = 60.0
"""Everything serves within this time, or the demo says what does not and ends."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    port: int = 8000
    seconds: float | None = None
    password: str | None = None
    rate: float = 60.0
    fronted: tuple[str, ...] = ()
    """Instances with a box before them."""
    bare: bool = False
    """No sample mesh and no load: for sidecars of one's own."""


class Demo:
    """One run of the demo; `run` returns when it has ended and nothing of it is left."""

    def __init__(self, options: Options, state: State, say: Callable[[str], None]) -> None:
        self._options = options
        self._state = state
        self._say = say
        self._began = time.monotonic()
        self._ports = Ports()
        console = self._ports.prefer(options.port)
        if console != options.port:
            say(f"Port {options.port} is taken; the console takes {console}.")
        self._doors = Doors(
            console=console,
            discovery=self._ports.take(),
            enrol=self._ports.take(),
            load=self._ports.take(),
        )
        self._cast = Cast(state, self._doors, self._hand_over_token)
        self._supervisor = Supervisor(state.logs, say=say, on_change=self._write)
        effects = Effects(state.effects)
        seats = () if options.bare else places(self._ports, options.fronted, effects.removed())
        self._crew = SampleCrew(
            seats, cast=self._cast, keep=self._supervisor, ports=self._ports, effects=effects
        )
        self._orders = Orders(self._supervisor, self._crew, effects)
        self._door = Door(socket_path(state.folder), self._orders.answer)
        self._serving = False
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Start, serve until told to stop, end every child; raises NotReady."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        starting = asyncio.ensure_future(self._start())
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), self._options.seconds)
        finally:
            self._serving = False
            for waiting in (starting, stopped):
                waiting.cancel()
            await asyncio.wait({starting, stopped})
            self._say("Stopping every process of the demo ...")
            await self._door.close()
            await self._supervisor.stop()
            self._ports.release()
            self._say("Stopped. Nothing of it runs any more.")

    async def _start(self) -> None:
        keep, cast = self._supervisor, self._cast
        services = [cast.service(place) for place in self._crew.places]
        schema = asyncio.ensure_future(sync_to_async(seed.database_ensure)())
        redis = await self._redis()
        await keep.start([*redis, *services])
        await schema
        password = await sync_to_async(self._seed)()
        await keep.ready(redis, READY_SECONDS)
        console, discovery = cast.console(), cast.discovery()
        await keep.start([discovery, console])
        await keep.ready([discovery], READY_SECONDS)
        sidecars = [cast.sidecar(place) for place in self._crew.places]
        await keep.start(sidecars)
        await keep.ready([console, *services, *sidecars], READY_SECONDS)
        await self._entrance_answers()
        entrances = [place for place in self._crew.places if place.app == "gateway"]
        load = [cast.load(entrances, self._options.rate)] if entrances else []
        self._orders.recover()
        await self._door.open()
        await keep.start([*load, cast.healer(self._door.path)])
        await keep.ready(load, READY_SECONDS)
        self._serving = True
        self._write()
        for line in summary(self._demo_file(), password, time.monotonic() - self._began):
            self._say(line)

    async def _redis(self) -> list[Child]:
        if url := configured_redis():
            self._cast.use_redis(url)
            return []
        bundled = store.bundled(self._state.folder)
        self._cast.use_redis(bundled.url)
        settings.MESH_REDIS_URL = bundled.url  # this process nudges discovery too
        return [self._cast.redis(bundled.argv, bundled.ready)]

    def _seed(self) -> str:
        seed.authority_ready()
        seed.mesh_ensure()
        seed.healing_ensure()
        return seed.user_ensure(self._options.password)

    async def _hand_over_token(self, place: Place) -> None:
        token = await sync_to_async(seed.join_token)(place)
        write_secret(self._state.tokens / place.instance, token)

    async def _entrance_answers(self) -> None:
        """The whole way through, gateway to stock, has to work before anything is called ready."""
        ends = time.monotonic() + READY_SECONDS
        gateways = [place.inbound for place in self._crew.places if place.app == "gateway"]
        while not all([await serves(port, "/browse", host="gateway") for port in gateways]):
            if time.monotonic() > ends:
                raise NotReady(
                    f"The sample mesh does not answer at http://{HOST}:{gateways[0]}/browse: "
                    f"see the logs in {self._state.logs}."
                )
            await asyncio.sleep(0.05)

    def _write(self) -> None:
        if self._serving:
            self._state.write(self._demo_file())

    def _demo_file(self) -> DemoFile:
        entrance = next((each.inbound for each in self._crew.places if each.app == "gateway"), 0)
        return DemoFile(
            console=f"http://{HOST}:{self._doors.console}",
            user=seed.USER,
            entrance=f"http://{HOST}:{entrance}" if entrance else "",
            processes=[
                ProcessLine(name=each.child.name, pid=each.pid, ports=list(each.child.ports))
                for each in self._supervisor.processes
            ],
            services=[
                ServiceLine(
                    instance=place.instance,
                    app=place.app,
                    unit=place.unit,
                    group=place.group,
                    control=place.control,
                    sidecar_admin=f"http://{HOST}:{place.admin}",
                )
                for place in self._crew.places
            ],
            load=f"http://{HOST}:{self._doors.load}" if entrance else "",
            control=str(self._door.path),
        )
