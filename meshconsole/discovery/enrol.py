"""The enrolment door: a one-time token and a key's request in, a first certificate out.

The sidecar cannot prove itself yet, so only this side shows a certificate. It shows its roots in
the handshake's answer; a sidecar compares them with the pin in its token before it says anything.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from meshconsole.discovery.desk import Desk
from meshconsole.discovery.greeting import Refusal, node_check
from meshconsole.encryption.authority import certificate_der
from meshconsole.encryption.issuance import IssuedCertificate, JoinRefused, enrol
from meshconsole.encryption.signing import SigningFailed
from proxy.contract.codec import InvalidFrame, decode_from_sidecar, encode
from proxy.contract.session import PROTO, ROOTS_HEADER, Bye, Cert, Join, Refused

logger = logging.getLogger(__name__)

AT_ONCE_LIMIT = 64
"""Joins that may wait for the database."""
SILENT_LIMIT = 2048
"""Connections whose join has not come: they cost memory only, and keep nobody out below this."""
DEADLINE_SECONDS = 10.0
FRAME_LIMIT_BYTES = 64 * 1024
_CERT_ID = "join"
_RETRY_MS = (500, 3000)
_END = "-----END CERTIFICATE-----\n"


class EnrolDoor:
    """One join per connection, 64 joins at once, ten seconds each."""

    def __init__(self, counts: Counter[str], roots: Callable[[], str]) -> None:
        self._counts = counts
        self._roots = roots
        self._desk = Desk("discovery-enrol")
        self._silent = 0
        self._open = 0

    def with_roots(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> Response:
        """Show the roots in the answer of the handshake."""
        response.headers[ROOTS_HEADER] = roots_header(self._roots())
        return response

    async def serve(self, connection: ServerConnection) -> None:
        """One connection: a join, its answer, the end."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await _last_word(connection, await self._heard(connection))
        except TimeoutError:
            self._counts["joins_refused_deadline"] += 1
        except ConnectionClosed:
            self._counts["joins_cut"] += 1

    async def _heard(self, connection: ServerConnection) -> Cert | Refused | Bye:
        if self._silent >= SILENT_LIMIT:
            return self._put_off()
        self._silent += 1
        try:
            frame = await connection.recv(decode=False)
        finally:
            self._silent -= 1
        if self._open >= AT_ONCE_LIMIT:
            return self._put_off()
        self._open += 1
        try:
            return await self._answer(frame)
        finally:
            self._open -= 1

    def _put_off(self) -> Bye:
        self._counts["joins_put_off"] += 1
        wait_ms = random.randint(*_RETRY_MS)  # noqa: S311
        return Bye(retry_after_ms=wait_ms, reason="Many join just now.")

    async def _answer(self, frame: bytes) -> Cert | Refused | Bye:
        try:
            join = _read(frame)
            issued: IssuedCertificate = await self._desk.ask(
                enrol, token=join.token, csr_pem=join.pem, claimed=join.node, now=datetime.now(UTC)
            )
        except (Refusal, JoinRefused) as refusal:
            self._counts[f"joins_refused_{refusal.code}"] += 1
            logger.info("join refused", extra={"code": refusal.code})
            return Refused(code=refusal.code, msg=refusal.msg)
        except TimeoutError:
            raise
        except SigningFailed as error:
            self._counts["joins_failed"] += 1
            logger.warning("no certificate", extra={"error": str(error)})
            return Bye(retry_after_ms=_RETRY_MS[1], reason="No certificate just now; ask again.")
        except Exception:
            self._counts["joins_failed"] += 1
            logger.exception("join failed")
            return Bye(retry_after_ms=_RETRY_MS[1], reason="No certificate just now; ask again.")
        self._counts["joins"] += 1
        logger.info("joined", extra={"uri": issued.uri})
        return certificate_message(_CERT_ID, issued)


def roots_header(pem: str) -> str:
    """Each root as base64 DER, joined by commas."""
    parts = [part + _END for part in pem.split(_END) if part.strip()]
    return ",".join(base64.b64encode(certificate_der(part)).decode() for part in parts)


def _read(frame: bytes) -> Join:
    try:
        message = decode_from_sidecar(frame)
    except InvalidFrame as error:
        raise Refusal("frame", str(error)) from None
    if not isinstance(message, Join):
        raise Refusal("order", "The first frame here is join.")
    if message.proto != PROTO:
        raise Refusal(
            "proto", f"This console speaks version {PROTO}, not {message.proto}; update the older."
        )
    node_check(message.node)
    return message


async def _last_word(connection: ServerConnection, answer: Cert | Refused | Bye) -> None:
    await connection.send(encode(answer), text=True)
    await connection.close()


def certificate_message(id_: str, issued: IssuedCertificate) -> Cert:
    """An issued certificate as both doors send it."""
    return Cert(
        id=id_,
        chain=issued.chain,
        roots=issued.roots,
        not_after=issued.not_after.timestamp(),
    )
