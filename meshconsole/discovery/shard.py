"""One shard: sidecars' streams, each proven by its certificate, served from memory.

A stream begins with `hello` and then only ever waits for the sidecar. Pushes are fanned out by one
task that yields to the loop often; leases, acks, registrations and reports are gathered and written
by tasks of their own, so that a slow database or a lost Redis never holds up a stream.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from meshconsole.discovery.arrivals import Arrivals
from meshconsole.discovery.bundles import Frame, Shelf
from meshconsole.discovery.desk import Desk
from meshconsole.discovery.enrol import certificate_message
from meshconsole.discovery.greeting import Refusal, greet, peer_uri
from meshconsole.discovery.heads import Head
from meshconsole.discovery.intake import Intake
from meshconsole.discovery.quota import Bucket
from meshconsole.discovery.streams import Stream
from meshconsole.discovery.sync import SyncWriter
from meshconsole.discovery.watch import HeadWatch
from meshconsole.encryption.services import JoinRefused, renew
from meshconsole.telemetry.services import WindowStore
from proxy.aio import spawn
from proxy.contract.codec import InvalidFrame, decode_from_sidecar, encode
from proxy.contract.identity import Node
from proxy.contract.session import Ack, Bye, Cert, Csr, Nack, Receipt, Refused, Report

logger = logging.getLogger(__name__)

HELLO_SECONDS = 10.0
GREETING_LIMIT = 256
"""Streams that may be saying hello at once; more are asked to come back."""
QUOTAS_LIMIT = 20_000
SENDS_BEFORE_YIELD = 256
PING_SECONDS = 20.0
"""A stream that has not answered one ping when the next is due is lost."""
LATE_SECONDS = 2.0
FAREWELL_SECONDS = 2.0
RENEWALS_PER_SECOND, RENEWALS_BURST = 1 / 30, 5.0
_RETRY_MS = (500, 5000)
_POLICY, _TRY_LATER = 1008, 1013


class Shard:
    """The streams of one process."""

    def __init__(self, shard: str, *, trust_domain: str, redis: Any, windows: WindowStore) -> None:
        self.id = shard
        self.counts: Counter[str] = Counter()
        self.streams: dict[str, Stream] = {}
        self.shelf = Shelf()
        self.desk = Desk("discovery-shard")
        self._trust_domain = trust_domain
        self._quotas: dict[str, tuple[Bucket | None, Bucket | None]] = {}
        """What is left of the quotas of those who are not here; coming back does not fill it."""
        self._greeting = 0
        self._fan_out_due = asyncio.Event()
        self.watch = HeadWatch(redis, self.shelf, self.counts, self._wanted, self._fan_out_due.set)
        self.sync = SyncWriter(redis, shard, self.streams, self.counts, time.time)
        self.arrivals = Arrivals(self.desk, _utc_now, self._refuse_node)
        self.intake = Intake(
            self.desk, windows, self.counts, self._send, clock=time.monotonic, now=_utc_now
        )

    def start(self) -> list[asyncio.Task[None]]:
        """The shard's own tasks; cancel them to end it."""
        works = {
            "watch": self.watch.run(),
            "fan-out": self._fan_out(),
            "pings": self._ping_all(),
            "sync": self.sync.run(),
            "leases": self.sync.run_leases(),
            "arrivals": self.arrivals.run(),
            "windows": self.intake.run_windows(),
            "events": self.intake.run_events(),
        }
        return [spawn(work, name=f"discovery-{name}") for name, work in works.items()]

    async def serve(self, connection: ServerConnection) -> None:
        """A connection from its first frame to its end."""
        if self._greeting >= GREETING_LIMIT:
            self.counts["greetings_put_off"] += 1
            await self._bye(connection, "The console is greeting many sidecars just now.")
            return
        stream = None
        try:
            stream = await self._greeted(connection)
            if stream is not None:
                await self._listen(stream)
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == 1009:
                self.counts["frames_too_large"] += 1
        finally:
            if stream is not None:
                self._closed(stream)

    async def farewell(self) -> None:
        """Ask every sidecar to come back soon; this process ends."""
        byes = [
            spawn(self._bye(stream.connection, "The console restarts."), name="discovery-bye")
            for stream in self.streams.values()
        ]
        if byes:
            await asyncio.wait(byes, timeout=FAREWELL_SECONDS)

    # -- hello

    async def _greeted(self, connection: ServerConnection) -> Stream | None:
        self._greeting += 1
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                frame = await connection.recv(decode=False)
            hello, identity = greet(frame, peer_uri(connection), self._trust_domain)
        except TimeoutError:
            await self._refuse(connection, Refusal("hello", "Say hello within 10 seconds."))
            return None
        except Refusal as refusal:
            await self._refuse(connection, refusal)
            return None
        finally:
            self._greeting -= 1
        holder = self.streams.get(hello.node.id)
        if holder is not None and holder.identity != identity:
            taken = f"Instance {hello.node.id!r} is here as {holder.identity.uri}; use another id."
            await self._refuse(connection, Refusal("instance_taken", taken))
            return None
        if not self.arrivals.arrived(hello.node):
            self.counts["greetings_put_off"] += 1
            await self._bye(connection, "Too many sidecars wait to be registered.")
            return None
        stream = Stream(connection, hello.node, identity, hello.have)
        stream.at = time.time()
        self._open(stream)
        return stream

    def _open(self, stream: Stream) -> None:
        earlier = self.streams.get(stream.node.id)
        self.streams[stream.node.id] = stream
        stream.reports, stream.renewals = self._quotas.pop(stream.identity.uri, (None, None))
        if earlier is not None:
            stream.reports, stream.renewals = earlier.reports, earlier.renewals
        self.counts["hellos"] += 1
        self.sync.opened(stream.node.id)
        self._offer(stream)
        if stream.in_flight is None and self.watch.head.variants.get(stream.variant) not in (
            None,
            stream.active,
        ):
            self.watch.wake()  # its snapshot is not in memory yet
        if earlier is not None:
            other = earlier.node.boot_id != stream.node.boot_id
            reason = "Another process took over this identity." if other else "You are here twice."
            spawn(self._bye(earlier.connection, reason, come_back=False), name="discovery-replaced")

    def _closed(self, stream: Stream) -> None:
        if self.streams.get(stream.node.id) is not stream:
            return
        del self.streams[stream.node.id]
        if stream.reports is not None or stream.renewals is not None:
            self._quotas[stream.identity.uri] = (stream.reports, stream.renewals)
            if len(self._quotas) > QUOTAS_LIMIT:
                del self._quotas[next(iter(self._quotas))]

    # -- frames

    async def _listen(self, stream: Stream) -> None:
        while True:
            frame = await stream.connection.recv(decode=False)
            try:
                message = decode_from_sidecar(frame)
            except InvalidFrame as error:
                await self._refuse(stream.connection, Refusal("frame", str(error)))
                return
            if not await self._took(stream, message):
                return

    async def _took(self, stream: Stream, message: object) -> bool:
        """Act on a message; False ends the stream."""
        match message:
            case Ack():
                self._answered(stream, stream.acked(message))
            case Nack():
                self._answered(stream, stream.nacked(message))
            case Report():
                if not self.intake.take(stream, message):
                    await self._bye(stream.connection, "Too many reports; send them again later.")
                    return False
            case Csr():
                await self._renewal(stream, message)
            case Bye():
                self._left(stream)
                await stream.connection.close()
                return False
            case _:
                refusal = Refusal("order", "After hello come ack, nack, report, csr and bye.")
                await self._refuse(stream.connection, refusal)
                return False
        return True

    def _answered(self, stream: Stream, answer: str) -> None:
        self.counts[f"answers_{answer}"] += 1
        if answer == "stray":
            return
        if answer == "refused" and stream.refusal is not None:
            logger.warning(
                "a snapshot was refused",
                extra={
                    "instance": stream.node.id,
                    "code": stream.refusal.code,
                    "path": stream.refusal.path,
                },
            )
        stream.at = time.time()
        self.sync.changed(stream.node.id)
        self._offer(stream)

    def _left(self, stream: Stream) -> None:
        self.counts["goodbyes"] += 1
        if self.streams.get(stream.node.id) is stream:
            self._closed(stream)
            self.sync.left(stream.node.id)
            self.arrivals.left(stream.node)

    async def _renewal(self, stream: Stream, request: Csr) -> None:
        now = time.monotonic()
        if stream.renewals is None:
            stream.renewals = Bucket(rate=RENEWALS_PER_SECOND, burst=RENEWALS_BURST, now=now)
        if not stream.renewals.take(now):
            self.counts["renewals_over_quota"] += 1
            await self._send(
                stream, Refused(code="quota", msg="Renew at half of a certificate's life.")
            )
            return
        try:
            issued = await self.desk.ask(
                renew, identity=stream.identity, csr_pem=request.pem, now=_utc_now()
            )
        except JoinRefused as refusal:
            await self._send(stream, Refused(code=refusal.code, msg=refusal.msg))
        except Exception as error:  # the database is away: the sidecar asks again
            logger.warning("a renewal failed", extra={"error": str(error)})
            await self._send(
                stream, Refused(code="degraded", msg="No certificate just now; ask again.")
            )
        else:
            self.counts["renewals"] += 1
            await self._send(
                stream,
                certificate_message(request.id, issued),
            )

    # -- pushes

    def _wanted(self, head: Head) -> Iterable[str]:
        variants = {stream.variant for stream in self.streams.values()}
        return [head.variants[variant] for variant in variants if variant in head.variants]

    async def _fan_out(self) -> None:
        while True:
            await self._fan_out_due.wait()
            self._fan_out_due.clear()
            for at, stream in enumerate(list(self.streams.values()), start=1):
                self._offer(stream)
                if at % SENDS_BEFORE_YIELD == 0:
                    await asyncio.sleep(0)

    def _offer(self, stream: Stream) -> None:
        head = self.watch.head
        before = stream.v
        frame = stream.next_frame(head, self.shelf, time.monotonic())
        if frame is not None:
            self.counts["pushes"] += 1
            stream.at = time.time()
            self.sync.changed(stream.node.id)
            spawn(self._pushed(stream, frame), name="discovery-push")
        elif stream.v != before:
            self.sync.changed(stream.node.id)

    async def _pushed(self, stream: Stream, frame: Frame) -> None:
        try:
            await stream.connection.send(frame.data, text=True)
        except ConnectionClosed:
            self.counts["pushes_cut"] += 1

    # -- pings

    async def _ping_all(self) -> None:
        """One task asks every stream in turn: a task of its own each would be 2 kB each.

        A round that begins late asks and judges nobody: it was this process that slept.
        """
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PING_SECONDS
            await asyncio.sleep(PING_SECONDS)
            if loop.time() - due > LATE_SECONDS:
                continue
            for at, stream in enumerate(list(self.streams.values()), start=1):
                if stream.pong is not None:
                    self.counts["streams_silent"] += 1
                    stream.connection.transport.abort()
                    continue
                spawn(self._ping(stream), name="discovery-ping")
                if at % SENDS_BEFORE_YIELD == 0:
                    await asyncio.sleep(0)

    async def _ping(self, stream: Stream) -> None:
        with suppress(ConnectionClosed):
            stream.pong = asyncio.get_running_loop().create_future()  # also while it cannot be sent
            stream.pong = await stream.connection.ping()
            await stream.pong
            stream.pong = None

    # -- answers

    async def _send(self, stream: Stream, message: Receipt | Cert | Refused) -> None:
        try:
            await stream.connection.send(encode(message), text=True)
        except ConnectionClosed:
            self.counts["answers_cut"] += 1

    async def _refuse(self, connection: ServerConnection, refusal: Refusal) -> None:
        self.counts[f"refused_{refusal.code}"] += 1
        logger.info("refused", extra={"code": refusal.code, "reason": refusal.msg})
        try:
            await connection.send(encode(Refused(code=refusal.code, msg=refusal.msg)), text=True)
        except ConnectionClosed:
            return
        await connection.close(_POLICY, refusal.code)

    async def _bye(
        self, connection: ServerConnection, reason: str, *, come_back: bool = True
    ) -> None:
        wait_ms = random.randint(*_RETRY_MS) if come_back else 0  # noqa: S311
        try:
            await connection.send(encode(Bye(retry_after_ms=wait_ms, reason=reason)), text=True)
        except ConnectionClosed:
            return
        await connection.close(_TRY_LATER, reason)

    def _refuse_node(self, node: Node, reason: str) -> None:
        stream = self.streams.get(node.id)
        if stream is not None and stream.node.boot_id == node.boot_id:
            spawn(
                self._refuse(stream.connection, Refusal("instance_taken", reason)),
                name="discovery-refuse",
            )


def _utc_now() -> datetime:
    return datetime.now(UTC)
