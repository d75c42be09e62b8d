"""The sidecar's side of the console: start from disk, join, stay connected, leave well.

Traffic never waits for anything here. A sidecar without console, or with an expired certificate,
goes on with the snapshot it has and says so in its status.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from random import Random
from time import time

from proxy import aio
from proxy.backoff import CEILING_SECONDS, Backoff
from proxy.channel import Channel
from proxy.contract.session import CHANNEL, FRAME_LIMIT_BYTES, Gauges, Links
from proxy.current import Current
from proxy.encryption.holder import Holder
from proxy.encryption.identity import Identity, peer_uri, utc_now
from proxy.encryption.pinning import NotTheConsole
from proxy.enrolment import EnrolmentFailed
from proxy.handover.bequest import Bequest
from proxy.healing.detector import Detector
from proxy.healing.warden import Warden
from proxy.intake import Intake
from proxy.membership import Membership, node_of
from proxy.outbox import Outbox
from proxy.renewal import Early
from proxy.reporter import Reporter
from proxy.settings import MeshSettings
from proxy.spool import EventSpool
from proxy.store import SnapshotStore
from proxy.websocket import Subprotocol, WebSocketException, connect
from proxy.windows import Windows

logger = logging.getLogger(__name__)
OPEN_SECONDS = 10.0
PING_SECONDS = 20.0
LEAVE_SECONDS = 0.5
STEADY_SECONDS = 10.0
"""A stream that held this long was a good one: the next attempt begins without a long pause."""


class Agent:
    """Runs beside the relay for as long as the sidecar does."""

    def __init__(
        self,
        settings: MeshSettings,
        current: Current,
        windows: Windows,
        detector: Detector,
        *,
        holder: Holder | None = None,
        gauges: Callable[[], Gauges] = Gauges,
        links: Callable[[], Links] = lambda: Links(at=time()),
        in_step: Callable[[], Awaitable[object]] | None = None,
        warden: Warden | None = None,
        random: Random | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._current = current
        self._links = links
        self._early = Early()
        self._random = random or Random()  # noqa: S311 - spreads load, guards nothing
        self._sleep = sleep
        self._backoff = Backoff(self._random)
        self.node = node_of(settings)
        self._holder = holder or Holder()
        self._membership = Membership(
            settings.enrol, settings.join_token_file, self.node, self._holder
        )
        self._store = SnapshotStore(settings.state_dir)
        self._spool = EventSpool(settings.state_dir)
        self._outbox = Outbox()
        self._intake = Intake(current, self._store, gauges)
        self._intake.in_step = in_step
        warden = warden or Warden(current)
        self._reporter = Reporter(
            current, windows, detector, self._outbox, self._spool, warden=warden
        )
        self.bequest = Bequest(self._membership, self._intake, self._outbox, self._reporter, warden)
        self._channel: Channel | None = None
        self._attempts: asyncio.Task[None] | None = None
        self._turn = 0
        self._error = ""
        self._leaving = False

    @property
    def ready(self) -> bool:
        """Is a snapshot in force?"""
        return self._intake.held is not None

    def restore(self, offered: bytes = b"") -> None:
        """Put the last snapshot in force and queue undelivered events; `run` does it otherwise.

        `offered` is the snapshot of a process that hands over. Its events are still its own.
        """
        if offered:
            self._intake.adopt(offered)
        if not self.ready:
            self._intake.restore()

    async def run(self) -> None:
        """Serve until `leave` or cancellation."""
        self.restore()
        if not self.bequest.begun:
            self.bequest.begin(None)
        ticks = aio.spawn(self._reporter.run(), name="report each second")
        self._attempts = aio.spawn(self._keep_connected(), name="stay connected")
        try:
            await asyncio.wait({self._attempts})
        finally:
            await aio.cancelled(self._attempts)
            await aio.cancelled(ticks)
            await self._intake.settled(LEAVE_SECONDS)
            await self._reporter.settled(LEAVE_SECONDS)

    async def leave(self, reason: str = "The sidecar was told to stop.") -> None:
        """Say good-bye so that the console unpublishes this instance at once; 1 s at most,
        of which half for the words and half for closing."""
        self._leaving = True
        self.bequest.mine.set()
        channel = self._channel
        if channel is not None:
            with contextlib.suppress(TimeoutError, OSError, WebSocketException):
                async with asyncio.timeout(LEAVE_SECONDS):
                    self._reporter.tick()
                    await channel.leave(reason)
        await aio.cancelled(self._attempts)

    async def retire(self) -> None:
        """Another process speaks for this instance: end without a good-bye."""
        self._reporter.tick()
        self._leaving = True
        await aio.cancelled(self._attempts)
        await self._reporter.settled(LEAVE_SECONDS)

    def renew(self) -> bool:
        """Ask the console for another certificate now; False while it is away."""
        if self._channel is not None:
            self._channel.renew()
        return self._channel is not None

    def status(self) -> dict[str, object]:
        """What the admin page shows; nothing in it is secret."""
        held = self._intake.held
        identity = self._membership.identity
        said = self._channel.error if self._channel is not None else self._error
        return {
            "connected": self._channel is not None,
            "console": self._url if self._channel is not None else "",
            "revision": held.v if held is not None else 0,
            "digest": held.digest if held is not None else "",
            "error": self._intake.error or said,
            "identity": identity.who.uri if identity is not None else "",
            "certificate_not_after": identity.ends_at.timestamp() if identity else None,
            "certificate_expired": identity.expired(utc_now()) if identity else None,
            "queue": len(self._outbox),
            "dropped_windows": self._outbox.dropped_windows,
            "dropped_events": self._outbox.dropped_events + self._spool.dropped,
            "merged_events": self._outbox.merged_events,
            "snapshot_write_failures": self._store.write_failures,
            "spool_write_failures": self._spool.write_failures,
            "boot_id": self.node.boot_id,
        }

    @property
    def _url(self) -> str:
        return self._settings.console[self._turn % len(self._settings.console)]

    async def _keep_connected(self) -> None:
        while not self._leaving:
            await self.bequest.mine.wait()
            asked = await self._attempt()
            if asked is not None:
                await self._rest(self._backoff.pause(asked))

    async def _attempt(self) -> float | None:
        """One stream from opening to end: seconds that the console asks us to stay away, or None
        to come back at once."""
        try:
            identity = await self._membership.proven()
            return await self._stream(identity)
        except EnrolmentFailed as error:
            self._failed(error)
            return _bounded(error.retry_after_seconds)
        except (NotTheConsole, OSError, TimeoutError, WebSocketException) as error:
            self._failed(error)
            return 0.0
        except Exception as error:
            logger.exception("The stream to the console broke in a way nobody thought of.")
            self._error = f"The stream to the console broke: {error!r}"
            return 0.0

    async def _stream(self, identity: Identity) -> float | None:
        loop = asyncio.get_running_loop()
        async with connect(
            self._url,
            ssl=identity.client_context(self._holder.roots),
            subprotocols=[Subprotocol(CHANNEL)],
            compression=None,
            proxy=None,
            max_size=FRAME_LIMIT_BYTES,
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=LEAVE_SECONDS,
        ) as socket:
            _check_peer(socket.transport.get_extra_info("ssl_object"), identity)
            channel = Channel(
                socket,
                self.node,
                self._intake,
                self._outbox,
                self._reporter,
                identity,
                self._random,
                self._links,
                self._early,
            )
            opened_at = loop.time()
            self._channel, self._error = channel, ""
            logger.info("Connected to the console at %s.", self._url)
            try:
                await channel.run()
            finally:
                self._channel = None
        return self._ended(channel, held_seconds=loop.time() - opened_at)

    def _ended(self, channel: Channel, held_seconds: float) -> float | None:
        if channel.heard:
            self._membership.accepted()
        else:
            self._membership.doubted()
        if held_seconds >= STEADY_SECONDS:
            self._backoff.reset()
        if channel.renewed is not None:
            self._membership.identity = channel.renewed
            logger.info("The certificate was renewed.")
            return None
        self._turn += 1
        if channel.bye is not None:
            self._error = f"The console said good-bye: {channel.bye.reason or 'no reason given'}"
            # 0 would be "never": a sidecar that stayed away for good could not be told of a
            # mistake, so it comes back, as late as it ever does.
            return _bounded(channel.bye.retry_after_ms / 1000) or CEILING_SECONDS
        self._error = channel.error
        logger.warning("%s", self._error)
        return 0.0

    def _failed(self, error: Exception) -> None:
        said = str(error) or type(error).__name__
        if isinstance(error, EnrolmentFailed | NotTheConsole):
            sentence = said
        else:
            sentence = f"The console at {self._url} cannot be reached: {said}"
            self._turn += 1
        if isinstance(error, ssl.SSLError | NotTheConsole):
            self._membership.doubted()
        if sentence != self._error:
            logger.warning("%s", sentence)
        self._error = sentence

    async def _rest(self, seconds: float) -> None:
        """Wait; a new join token ends the wait of one who has no other way in."""
        while seconds > 0:
            slice_seconds = min(1.0, seconds)
            await self._sleep(slice_seconds)
            seconds -= slice_seconds
            if self._membership.may_join_anew():
                return


def _bounded(asked_seconds: float) -> float:
    """What the console asks for, within reason: five minutes at most."""
    return min(asked_seconds, 10 * CEILING_SECONDS)


def _check_peer(tls: ssl.SSLObject | None, identity: Identity) -> None:
    uri = peer_uri(tls)
    if uri != identity.discovery_uri:
        raise NotTheConsole(f"The peer is {uri[:200]!r}, not the console: nothing was said to it.")
