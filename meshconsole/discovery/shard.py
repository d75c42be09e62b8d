"""One shard: sidecars' streams, each proven by its certificate, served from memory.

A stream begins with `hello` and then only ever waits for the sidecar. Pushes are fanned out by one
task that yields to the loop often; leases, acks, registrations and reports are gathered and written
by tasks of their own, so that a slow database or a lost Redis never holds up a stream.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from meshconsole.core.quota import Bucket
from meshconsole.discovery.arrivals import Arrivals
from meshconsole.discovery.bundles import Shelf
from meshconsole.discovery.desk import Desk
from meshconsole.discovery.enrol import certificate_message
from meshconsole.discovery.fanout import FanOut
from meshconsole.discovery.greeting import Refusal, greet, peer_uri
from meshconsole.discovery.intake import Intake
from meshconsole.discovery.links import LinkWriter
from meshconsole.discovery.pings import ping_all
from meshconsole.discovery.speech import Speech
from meshconsole.discovery.streams import Stream
from meshconsole.discovery.sync import SyncWriter
from meshconsole.discovery.watch import HeadWatch
from meshconsole.encryption.issuance import JoinRefused, renew
from meshconsole.telemetry.links import told_of
from meshconsole.telemetry.services import WindowStore
from proxy.aio import spawn
from proxy.contract.codec import InvalidFrame, decode_from_sidecar
from proxy.contract.identity import Node
from proxy.contract.session import Ack, Bye, Csr, Links, Nack, Refused, Report

logger = logging.getLogger(__name__)

HELLO_SECONDS = 10.0
GREETING_LIMIT = 256
"""Streams that may be saying hello at once; more are asked to come back."""
QUOTAS_LIMIT = 20_000
FAREWELL_SECONDS = 2.0
RENEWALS_PER_SECOND, RENEWALS_BURST = 1 / 30, 5.0


class Shard:
    """The streams of one process."""

    def __init__(self, shard: str, *, trust_domain: str, redis: Any, windows: WindowStore) -> None:
        self.id = shard
        self.counts: Counter[str] = Counter()
        self.streams: dict[str, Stream] = {}
        self.shelf = Shelf()
        self.desk = Desk("discovery-shard", keeps=True)
        self._signing = Desk("discovery-signing")
        """A signer may be far away, and must not hold up what is written down."""
        self._trust_domain = trust_domain
        self._quotas: dict[str, tuple[Bucket | None, Bucket | None]] = {}
        """What is left of the quotas of those who are not here; coming back does not fill it."""
        self._greeting = 0
        self._speech = Speech(self.counts)
        self.sync = SyncWriter(redis, shard, self.streams, self.counts, time.time)
        self.links = LinkWriter(redis, self.counts, time.time)
        self._fan_out = FanOut(
            self.streams, self.shelf, self.counts, lambda: self.watch.head, self.sync.changed
        )
        self.watch = HeadWatch(
            redis, self.shelf, self.counts, self._fan_out.wanted, self._fan_out.head_changed
        )
        self.arrivals = Arrivals(self.desk, _utc_now, self._refuse_node)
        self.intake = Intake(
            self.desk, windows, self.counts, self._speech.send, clock=time.monotonic, now=_utc_now
        )

    def start(self) -> list[asyncio.Task[None]]:
        """The shard's own tasks; cancel them to end it."""
        works = {
            "watch": self.watch.run(),
            "fan-out": self._fan_out.run(),
            "pings": ping_all(self.streams, self.counts),
            "sync": self.sync.run(),
            "leases": self.sync.run_leases(),
            "arrivals": self.arrivals.run(),
            "windows": self.intake.run_windows(),
            "events": self.intake.run_events(),
            "links": self.links.run(),
            "refusals": self.intake.refusals.run(),
        }
        return [spawn(work, name=f"discovery-{name}") for name, work in works.items()]

    async def serve(self, connection: ServerConnection) -> None:
        """A connection from its first frame to its end."""
        if self._greeting >= GREETING_LIMIT:
            self.counts["greetings_put_off"] += 1
            await self._speech.bye(connection, "The console is greeting many sidecars just now.")
            return
        stream = None
        try:
            stream = await self._greeted(connection)
            if stream is not None:
                await self._listen(stream)
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == 1009:
                self.counts["frames_too_large"] += 1
                if stream is not None:
                    self.intake.refusals.note(stream.identity, "frame", "It is over 4 MiB.")
        finally:
            if stream is not None:
                self._closed(stream)

    async def farewell(self) -> None:
        """Ask every sidecar to come back soon; this process ends."""
        byes = [
            spawn(
                self._speech.bye(stream.connection, "The console restarts."), name="discovery-bye"
            )
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
            await self._speech.refuse(connection, Refusal("hello", "Say hello within 10 seconds."))
            return None
        except Refusal as refusal:
            await self._speech.refuse(connection, refusal)
            return None
        finally:
            self._greeting -= 1
        holder = self.streams.get(hello.node.id)
        if holder is not None and holder.identity != identity:
            taken = f"Instance {hello.node.id!r} is here as {holder.identity.uri}; use another id."
            await self._speech.refuse(connection, Refusal("instance_taken", taken))
            return None
        if not self.arrivals.arrived(hello.node):
            self.counts["greetings_put_off"] += 1
            await self._speech.bye(connection, "Too many sidecars wait to be registered.")
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
        self._fan_out.offer(stream)
        if stream.in_flight is None and self.watch.head.variants.get(stream.variant) not in (
            None,
            stream.active,
        ):
            self.watch.wake()  # its snapshot is not in memory yet
        if earlier is not None:
            other = earlier.node.boot_id != stream.node.boot_id
            reason = "Another process took over this identity." if other else "You are here twice."
            spawn(
                self._speech.bye(earlier.connection, reason, come_back=False),
                name="discovery-replaced",
            )

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
                self.intake.refusals.note(stream.identity, "frame", str(error))
                await self._speech.refuse(stream.connection, Refusal("frame", str(error)))
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
                    await self._speech.bye(
                        stream.connection, "Too many reports; send them again later."
                    )
                    return False
            case Links():
                self._linked(stream, message)
            case Csr():
                await self._renewal(stream, message)
            case Bye():
                self._left(stream)
                await stream.connection.close()
                return False
            case _:
                refusal = Refusal(
                    "order", "After hello come ack, nack, report, links, csr and bye."
                )
                await self._speech.refuse(stream.connection, refusal)
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
        self._fan_out.offer(stream)

    def _linked(self, stream: Stream, message: Links) -> None:
        """Keep it unless this sidecar speaks too often: the next one says everything again."""
        if not self.intake.allowed(stream):
            self.counts["links_over_quota"] += 1
            return
        self.counts["links"] += 1
        self.links.put(told_of(message, stream.identity, stream.node.boot_id, time.time()))

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
            await self._speech.send(
                stream, Refused(code="quota", msg="Renew at half of a certificate's life.")
            )
            return
        try:
            issued = await self._signing.ask(
                renew, identity=stream.identity, csr_pem=request.pem, now=_utc_now()
            )
        except JoinRefused as refusal:
            await self._speech.send(stream, Refused(code=refusal.code, msg=refusal.msg))
        except Exception as error:  # the database is away: the sidecar asks again
            logger.warning("a renewal failed", extra={"error": str(error)})
            await self._speech.send(
                stream, Refused(code="degraded", msg="No certificate just now; ask again.")
            )
        else:
            self.counts["renewals"] += 1
            await self._speech.send(stream, certificate_message(request.id, issued))

    def _refuse_node(self, node: Node, reason: str) -> None:
        stream = self.streams.get(node.id)
        if stream is not None and stream.node.boot_id == node.boot_id:
            spawn(
                self._speech.refuse(stream.connection, Refusal("instance_taken", reason)),
                name="discovery-refuse",
            )


def _utc_now() -> datetime:
    return datetime.now(UTC)
