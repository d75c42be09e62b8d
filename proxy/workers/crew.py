"""The workers of a parent: started, told, heard, and started again when they die.

The parent keeps every listening socket, so connections that wait for a worker that died are served
by the one that takes its place. Only the parent speaks to the console; a snapshot is acknowledged
when every worker has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from proxy import aio
from proxy.contract import codec
from proxy.current import Current
from proxy.handover.terms import given
from proxy.settings import InvalidSettings, MeshSettings, Settings
from proxy.sockets import Bound, share
from proxy.wire import Ended
from proxy.workers.hand import Hand
from proxy.workers.merge import Merger
from proxy.workers.shown import exposition, status
from proxy.workers.words import (
    Accept,
    Accepting,
    Announce,
    Drain,
    Failed,
    FromWorker,
    Gone,
    Identify,
    Regard,
    Seen,
    Setup,
    Swap,
    Swapped,
    Up,
    settings_said,
)

if TYPE_CHECKING:
    from proxy.encryption.carried import Carried
    from proxy.encryption.holder import Holder
    from proxy.encryption.identity import Identity
    from proxy.healing.warden import Warden

logger = logging.getLogger(__name__)

START_SECONDS = 20.0
SWAP_SECONDS = 5.0
"""A worker that has not followed by then is replaced: nobody serves by what is no longer meant."""
SILENT_SECONDS = 30.0
"""A worker speaks each second; one that has not for so long is stuck, and replaced."""
LAST_SECONDS = 5.0


class Crew:
    """Every worker of one parent."""

    def __init__(
        self,
        settings: Settings,
        current: Current,
        merger: Merger,
        holder: Holder,
        warden: Warden,
    ) -> None:
        self._settings = settings
        self._current = current
        self._merger = merger
        self._hands = [Hand(number) for number in range(settings.workers)]
        self._keepers: list[asyncio.Task[None]] = []
        self._bound: list[Bound] = []
        self._accepting = self._announced = False
        self._ending = False
        self._changed = asyncio.Event()
        self._swap = self._swap_of(current)
        self._spreading: asyncio.Task[None] | None = None
        self._identifying: asyncio.Task[None] | None = None
        self._holder = holder
        self._carried: tuple[Identity, Carried] | None = None
        self._warden = warden
        self._turn = 0
        warden.spread = self._spread_regard
        current.watch(self.spread)
        holder.watch(self._spread_identity)

    @property
    def ready(self) -> bool:
        """Does every worker accept?"""
        return all(hand.state == "accepting" for hand in self._hands)

    async def start(self, bound: Iterable[Bound]) -> None:
        """Start every worker on its share of the sockets; raises InvalidSettings when one cannot
        be what it should."""
        self._bound = list(bound)
        self._keepers = [aio.spawn(self._keep(hand), name="keep a worker") for hand in self._hands]
        done = await self._until(
            lambda: (
                any(hand.why for hand in self._hands)
                or all(hand.state == "up" for hand in self._hands)
            ),
            START_SECONDS,
        )
        why = next((hand.why for hand in self._hands if hand.why), "")
        if why or not done:
            self.kill()
            raise InvalidSettings(why or f"A worker was not up after {START_SECONDS:g} s.")

    async def accept(self) -> None:
        """Have every worker accept."""
        self._accepting = True
        identity = self._identity()
        if identity is not None:  # taken over a moment ago, and needed by whoever comes first
            await self._tell_all(Identify(identity=identity))
        await self._tell_all(Accept())
        await self._until(lambda: self.ready, START_SECONDS)

    def spread(self) -> None:
        """Send every worker what is in force."""
        self._swap = self._swap_of(self._current)
        self._spreading = aio.spawn(self._tell_all(self._swap), name="tell the workers")

    def _spread_identity(self) -> None:
        known = self._carried[0] if self._carried is not None else None
        identity = self._identity()
        if identity is not None and self._holder.identity is not known:
            said = Identify(identity=identity)
            self._identifying = aio.spawn(self._tell_all(said), name="identify the workers")

    def _spread_regard(self) -> None:
        aio.spawn(self._tell_regard(), name="tell the workers who is ejected")

    async def _tell_regard(self) -> None:
        """Shares are everybody's; a probe is one worker's, in turn."""
        regard = self._regard()
        self._turn = (self._turn + 1) % len(self._hands)
        for hand in self._hands:
            offered = regard.offered if hand.number == self._turn else ()
            await self._tell(hand, msgspec.structs.replace(regard, offered=offered))

    def _regard(self) -> Regard:
        return Regard(
            shares=tuple((*key, steps) for key, steps in self._warden.shares.items()),
            offered=self._warden.offers,
        )

    def _identity(self) -> Carried | None:
        """What the workers are to prove."""
        identity = self._holder.identity
        if identity is None:
            return None
        if self._carried is None or self._carried[0] is not identity:
            self._carried = identity, identity.carried()
        return self._carried[1]

    async def in_step(self) -> bool:
        """Wait until every worker has what is in force, or what came after it; one that does not
        follow is replaced, and makes it False."""
        v = self._swap.v
        if await self._until(lambda: not any(self._behind(v)), SWAP_SECONDS):
            return True
        for hand in self._behind(v):
            logger.warning("Worker %d did not follow to revision %d.", hand.number, v)
            hand.kill()
        return False

    async def announce(self) -> None:
        """Every answer says from now on that its connection ends."""
        self._announced = True
        await self._tell_all(Announce())

    async def drain(self, seconds: float) -> int:
        """Have every worker finish and end; how many connections were cut off."""
        self._ending = True
        await self._tell_all(Drain(seconds=seconds))
        await self._until(
            lambda: all(keeper.done() for keeper in self._keepers), seconds + LAST_SECONDS
        )
        self.kill()
        return sum(hand.cut for hand in self._hands)

    def kill(self) -> None:
        """End every worker at once."""
        self._ending = True
        for hand in self._hands:
            hand.kill()

    def status(self) -> list[dict[str, object]]:
        """For the admin page."""
        return status(self._hands, self._merger.connections)

    def exposition(self) -> str:
        """Of each worker, in Prometheus text format."""
        return exposition(self._hands, self._merger.connections)

    # one worker

    async def _keep(self, hand: Hand) -> None:
        while not self._ending:
            hand.start()
            try:
                await self._serve(hand)
            except (Ended, TimeoutError) as error:
                if not self._ending:
                    said = str(error) or "it is silent"
                    logger.warning("Worker %d is started again: %s", hand.number, said)
            self._merger.forget(hand.number)
            pause = await asyncio.to_thread(hand.bury)
            self._changed.set()
            if not self._ending:
                await asyncio.sleep(pause)
        self._changed.set()

    async def _serve(self, hand: Hand) -> None:
        bound = [
            Bound(one.name, one.place, share(one.sockets, len(self._hands), hand.number))
            for one in self._bound
        ]
        swap = self._swap
        setup = Setup(
            mesh=isinstance(self._settings, MeshSettings),
            settings=settings_said(self._settings),
            given=given(bound),
            swap=swap,
            identity=self._identity(),
        )
        await hand.say(setup, [one.fileno() for each in bound for one in each.sockets])
        while True:
            message = await hand.hear(SILENT_SECONDS)
            if isinstance(message, Gone):
                hand.cut = message.cut
                return
            await self._take(hand, message, swap)
            self._changed.set()

    async def _take(self, hand: Hand, message: FromWorker, begun_with: Swap) -> None:
        match message:
            case Seen():
                hand.late_seconds = message.late_seconds
                self._merger.take(hand.number, message)
            case Up():
                await self._is_up(hand, begun_with)
            case Accepting():
                hand.state = "accepting"
            case Swapped():
                hand.swapped = message.v
            case Failed():
                hand.why = message.why
                logger.warning("Worker %d cannot serve: %s", hand.number, message.why)

    async def _is_up(self, hand: Hand, begun_with: Swap) -> None:
        """Tell it what has changed since it was told what to be."""
        hand.state, hand.swapped = "up", begun_with.v
        if self._swap is not begun_with:
            await hand.say(self._swap)
        identity = self._identity()
        if identity is not None:  # it may be another than the one it began with
            await hand.say(Identify(identity=identity))
        if self._warden.shares:
            await hand.say(msgspec.structs.replace(self._regard(), offered=()))
        if self._announced:
            await hand.say(Announce())
        if self._accepting:
            await hand.say(Accept())

    def _behind(self, v: int) -> Iterator[Hand]:
        """Those who serve by something older: revisions only grow, and whoever is further already
        missed nothing. Who starts is told what holds when it is up."""
        serving = (hand for hand in self._hands if hand.state in ("up", "accepting"))
        return (hand for hand in serving if hand.swapped < v)

    async def _tell_all(self, message: msgspec.Struct) -> None:
        for hand in self._hands:
            await self._tell(hand, message)

    @staticmethod
    async def _tell(hand: Hand, message: msgspec.Struct) -> None:
        with contextlib.suppress(Ended, TimeoutError):
            async with asyncio.timeout(SWAP_SECONDS):
                await hand.say(message)  # whoever keeps it starts it again, with what holds then

    async def _until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not is_so():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    @staticmethod
    def _swap_of(current: Current) -> Swap:
        return Swap(v=current.v, digest=current.digest, snapshot=codec.encode(current.snapshot))
