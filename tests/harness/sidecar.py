"""A sidecar that a test speaks for: joins for real, opens a real stream, says what it is told."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from proxy.contract.codec import decode_from_console, encode
from proxy.contract.identity import Node
from proxy.contract.session import (
    CHANNEL,
    ENROLMENT,
    FRAME_LIMIT_BYTES,
    PROTO,
    Ack,
    Cert,
    FromConsole,
    Have,
    Hello,
    Join,
    Nack,
    Push,
)
from tests.harness.requests import a_csr

WAIT_SECONDS = 10.0
M = TypeVar("M", bound=msgspec.Struct)


class Stream:
    """One open stream; `async with` closes it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.socket.close()

    async def say(self, message: msgspec.Struct) -> None:
        """Send a message."""
        await self.socket.send(encode(message), text=True)

    async def say_raw(self, frame: str | bytes) -> None:
        """Send a frame as it is."""
        await self.socket.send(frame, text=True)

    async def hear(self) -> FromConsole:
        """The next message, whatever it is."""
        async with asyncio.timeout(WAIT_SECONDS):
            return decode_from_console(await self.socket.recv(decode=False))

    async def expect(self, shape: type[M]) -> M:
        """The next message of that shape; others before it are passed over."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                message = await self.hear()
                if isinstance(message, shape):
                    return message

    async def silent(self, seconds: float = 0.6) -> bool:
        """Does nothing come for that long?"""
        try:
            async with asyncio.timeout(seconds):
                await self.socket.recv(decode=False)
        except TimeoutError:
            return True
        return False

    async def ack(self, push: Push) -> None:
        """It is active."""
        await self.say(Ack(nonce=push.nonce, v=push.v, digest=push.digest, state="active"))

    async def nack(self, push: Push, code: str, path: str = "/", msg: str = "No.") -> None:
        """It is not."""
        await self.say(Nack(nonce=push.nonce, v_kept=0, path=path, code=code, msg=msg))

    async def closed(self) -> int:
        """Wait for the end; the code of the console's close."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.socket.wait_closed()
        return self.socket.close_code or 0


class Sidecar:
    """A node with a key; its certificate comes from joining."""

    def __init__(self, port: int, enrol_port: int, node: Node) -> None:
        self.node = node
        self.port = port
        self.enrol_port = enrol_port
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert: Cert | None = None

    def csr(self) -> str:
        """A request for this key."""
        return a_csr(self.key)

    async def join(self, token: str, **fields: Any) -> FromConsole:
        """Ask for a certificate; keeps it when it is given."""
        join = Join(proto=PROTO, token=token, node=self.node, pem=self.csr())
        async with await self.at_door() as door:
            await door.say(msgspec.structs.replace(join, **fields))
            answer = await door.hear()
        if isinstance(answer, Cert):
            self.cert = answer
        return answer

    async def at_door(self) -> Stream:
        """A connection to the enrolment door, as one without a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return await self._connected(self.enrol_port, ENROLMENT, context)

    async def connected(self) -> Stream:
        """A stream that has not said hello yet."""
        assert self.cert is not None, "join first"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cadata=self.cert.roots)
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(pem + self.cert.chain)
            file.flush()
            context.load_cert_chain(Path(file.name))
        return await self._connected(self.port, CHANNEL, context)

    async def opened(self, *, have: Have | None = None, **fields: Any) -> Stream:
        """A stream that has said hello."""
        stream = await self.connected()
        node = msgspec.structs.replace(self.node, **fields)
        await stream.say(Hello(proto=PROTO, node=node, have=have))
        return stream

    async def _connected(self, port: int, words: str, context: ssl.SSLContext) -> Stream:
        socket = await connect(
            f"wss://127.0.0.1:{port}",
            ssl=context,
            subprotocols=[Subprotocol(words)],
            compression=None,
            max_size=FRAME_LIMIT_BYTES,
            ping_interval=None,
            close_timeout=2,
            proxy=None,
        )
        return Stream(socket)
