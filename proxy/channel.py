"""One open stream to the console: hello, pushes answered, reports sent, certificate renewed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from random import Random

import msgspec

from proxy import aio
from proxy.contract import codec
from proxy.contract.identity import Node
from proxy.contract.session import PROTO, Bye, Cert, Hello, Links, Push, Receipt, Refused
from proxy.encryption.identity import Identity, InvalidCertificate, utc_now
from proxy.intake import Intake
from proxy.outbox import Outbox
from proxy.pace import Pace
from proxy.renewal import Early, Renewal
from proxy.reporter import Reporter
from proxy.websocket import ClientConnection, ConnectionClosed, ConnectionClosedError

logger = logging.getLogger(__name__)
SEND_SECONDS = 10.0
LINKS_SECONDS = 2.0
LINKS_REPEATED_SECONDS = 30.0
"""A word that is old counts as none at the console, so what has not changed is said again."""
REPORTS_PER_SECOND = 4.0
REPORTS_BURST = 64
"""A backlog goes out in a burst and then at this pace, below what the console takes of one sidecar;
a faster sender would be sent away and begin again."""
_LAST_REPORTS = 8
_KNOWN = frozenset({"push", "receipt", "cert", "bye", "refused"})
_NORMAL, _PROTOCOL_ERROR = 1000, 1002


class Channel:
    """Speaks `meshconfig.v1` over one connection; a new connection is a new Channel."""

    def __init__(
        self,
        socket: ClientConnection,
        node: Node,
        intake: Intake,
        outbox: Outbox,
        reporter: Reporter,
        identity: Identity,
        random: Random,
        links: Callable[[], Links],
        early: Early,
    ) -> None:
        self._socket = socket
        self._node = node
        self._intake = intake
        self._outbox = outbox
        self._reporter = reporter
        self._renewal = Renewal(identity, random, early)
        self._followed = asyncio.Event()
        self._links = links
        self._sent = 0
        self.bye: Bye | None = None
        """The console's farewell, if it sent one."""
        self.renewed: Identity | None = None
        """A newer identity; the connection was closed so that the next one uses it."""
        self.error = ""
        """Why the console or this side ended the stream."""
        self.heard = False
        """Whether the console treated us as a member: a push, a receipt or a certificate came."""

    async def run(self) -> None:
        """Serve until the connection ends."""
        await self._send(Hello(proto=PROTO, node=self._node, have=self._intake.have))
        helpers = [
            aio.spawn(self._reports(), name="send reports"),
            aio.spawn(self._renewals(), name="renew certificate"),
            aio.spawn(self._tell_links(), name="tell of links"),
        ]
        try:
            with contextlib.suppress(ConnectionClosed):
                async for frame in self._socket:
                    await self._received(frame)
            self._note_close()
        finally:
            for helper in helpers:
                await aio.cancelled(helper)

    def renew(self) -> None:
        """Ask for another certificate now."""
        self._renewal.hurry(utc_now())
        self._followed.set()

    async def leave(self, reason: str) -> None:
        """Say what is still to say, then good-bye for good; the console unpublishes at once."""
        with contextlib.suppress(ConnectionClosed):
            for _ in range(_LAST_REPORTS):
                if not await self._send_next():
                    break
            await self._send(Bye(reason=reason))
        await self._socket.close(_NORMAL)

    async def _received(self, frame: str | bytes) -> None:
        try:
            message = codec.decode_from_console(frame)
        except codec.InvalidFrame as error:
            await self._unreadable(frame, str(error))
            return
        self.heard = self.heard or isinstance(message, Push | Receipt | Cert)
        match message:
            case Push():
                await self._send(await self._intake.taken(message))
                self._followed.set()
            case Receipt():
                self._reporter.received(message.seq)
            case Cert():
                await self._certified(message)
            case Refused():
                self.error = f"The console refused ({message.code}): {message.msg}"
                logger.warning("%s", self.error)
            case Bye():
                self.bye = message
                await self._socket.close(_NORMAL)

    async def _unreadable(self, frame: str | bytes, msg: str) -> None:
        """A push in words of a later version is nacked; a later kind of message is passed over."""
        try:
            envelope = _envelope.decode(frame)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            envelope = None
        if envelope is not None and envelope.type == "push" and envelope.nonce:
            code = "invalid" if envelope.proto == PROTO else "proto"
            await self._send(self._intake.refuse(envelope.nonce, code, msg))
        elif envelope is None or envelope.type in _KNOWN:
            self.error = f"The console sent what cannot be read. {msg[:300]}"
            logger.warning("%s", self.error)
            await self._socket.close(_PROTOCOL_ERROR)

    async def _certified(self, cert: Cert) -> None:
        try:
            identity = self._renewal.received(cert, utc_now())
        except InvalidCertificate as error:
            self.error = f"The renewed certificate is not used: {error}"
            logger.warning("%s", self.error)
            return
        if identity is not None:
            self.renewed = identity
            await self._socket.close(_NORMAL)

    async def _reports(self) -> None:
        """Send what waits, oldest first, and again whenever there is more."""
        pace = Pace(rate=REPORTS_PER_SECOND, burst=REPORTS_BURST)
        clock = asyncio.get_running_loop().time
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._reporter.fresh.clear()
                while self._outbox.has_after(self._sent):
                    await asyncio.sleep(pace.take(clock()))
                    await self._send_next()
                await self._reporter.fresh.wait()

    async def _send_next(self) -> bool:
        report = self._outbox.after(self._sent)
        if report is None:
            return False
        self._sent = report.seq
        await self._send(report)
        return True

    async def _renewals(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._followed.clear()
                self._renewal.follow(*self._intake.signs, utc_now())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._renewal.seconds_to_next(utc_now())):
                        await self._followed.wait()
                request = self._renewal.due(utc_now())
                if request is not None:
                    await self._send(request)

    async def _tell_links(self) -> None:
        """Send the ledger when it is another than the last that was sent, or that is long ago; not
        too often."""
        said: Links | None = None
        loop = asyncio.get_running_loop()
        repeat_at = 0.0
        with contextlib.suppress(ConnectionClosed):
            while True:
                links = self._links()
                is_same = said is not None and links == msgspec.structs.replace(said, at=links.at)
                if not is_same or loop.time() >= repeat_at:
                    said, repeat_at = links, loop.time() + LINKS_REPEATED_SECONDS
                    await self._send(links)
                await asyncio.sleep(LINKS_SECONDS)

    async def _send(self, message: msgspec.Struct) -> None:
        """Send one message; a console that does not read for long is left: the stream ends."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send(codec.encode(message).decode())
        except TimeoutError:
            self.error = "The console does not read: the stream is opened anew."
            self._socket.transport.abort()
            raise ConnectionClosedError(None, None) from None

    def _note_close(self) -> None:
        """Remember why it ended, if it was no farewell."""
        code, reason = self._socket.close_code, self._socket.close_reason
        if not self.error and self.bye is None and self.renewed is None:
            self.error = f"The console's stream ended ({code}{': ' + reason if reason else ''})."


class _Envelope(msgspec.Struct):
    """As much of a message as every version has."""

    type: str
    nonce: str = ""
    proto: int = PROTO


_envelope = msgspec.json.Decoder(_Envelope)
