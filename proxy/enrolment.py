"""From a one-time join token to a first certificate: `meshenrol.v1`.

The token is `mcj_<secret>.<pin>`. The door's TLS is opened without a judgement by OpenSSL, for no
root is known yet; `encryption.pinning` judges it, and why that is enough stands there. Order is
all: connect, judge the peer by the pin, send the token and the CSR, read one certificate. A token
is burnt when the console signs: if the answer is lost on the way, a new token is needed.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from pathlib import Path
from typing import NoReturn

import msgspec

from proxy.contract import codec
from proxy.contract.identity import Node
from proxy.contract.session import (
    ENROLMENT,
    FRAME_LIMIT_BYTES,
    PROTO,
    ROOTS_HEADER,
    Bye,
    Cert,
    Join,
    Refused,
)
from proxy.encryption.identity import Identity, InvalidCertificate, KeyRequest, utc_now
from proxy.encryption.pinning import NotTheConsole, check_pinned, roots_of_header
from proxy.websocket import ClientConnection, Subprotocol, WebSocketException, connect

OPEN_SECONDS = 10.0
ANSWER_SECONDS = 10.0
_TOKEN = re.compile(r"^mcj_[A-Za-z0-9_-]{16,128}\.([0-9a-f]{64})$")
_TOKEN_FILE_LIMIT = 1024


class EnrolmentFailed(Exception):
    """No certificate this time; `final` when the same token will be refused again."""

    def __init__(self, msg: str, *, final: bool = False, retry_after_seconds: float = 0.0) -> None:
        super().__init__(msg)
        self.final = final
        self.retry_after_seconds = retry_after_seconds


class Token(msgspec.Struct, frozen=True):
    """A join token; its text must not be shown."""

    text: str
    pin: str

    def __repr__(self) -> str:
        return f"<Token for root {self.pin[:12]}>"


def token_of(file: Path) -> Token:
    """Read a join token; raises EnrolmentFailed with what to do about the file."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_TOKEN_FILE_LIMIT).decode("ascii", "replace").strip()
    except OSError as error:
        raise EnrolmentFailed(
            f"The join token file {file} cannot be read ({error.strerror}): put a token there."
        ) from None
    found = _TOKEN.match(text)
    if found is None:
        raise EnrolmentFailed(
            f"The file {file} does not hold a join token (mcj_...): create one in the console."
        )
    return Token(text, found.group(1))


async def enrol(url: str, token: Token, node: Node) -> Identity:
    """Join through the door at `url`; raises EnrolmentFailed."""
    request = KeyRequest(node.id)
    try:
        async with connect(
            url,
            ssl=_unjudged(),
            subprotocols=[Subprotocol(ENROLMENT)],
            compression=None,
            proxy=None,
            max_size=FRAME_LIMIT_BYTES,
            open_timeout=OPEN_SECONDS,
            close_timeout=1.0,
        ) as door:
            _judge(door, token)
            join = Join(proto=PROTO, token=token.text, node=node, pem=request.csr)
            await door.send(codec.encode(join).decode())
            answer = codec.decode_from_console(await asyncio.wait_for(door.recv(), ANSWER_SECONDS))
    except NotTheConsole as error:
        raise EnrolmentFailed(str(error)) from None
    except (OSError, TimeoutError, WebSocketException, codec.InvalidFrame) as error:
        raise EnrolmentFailed(f"Enrolment at {url} failed: {_sentence(error)}") from None
    if not isinstance(answer, Cert):
        _refused(answer)
    try:
        return request.fulfilled(answer, unit=node.unit, app=node.app, now=utc_now())
    except InvalidCertificate as error:
        raise EnrolmentFailed(str(error)) from None


def _unjudged() -> ssl.SSLContext:
    """TLS without a root: only ever used where `_judge` follows before the first byte."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _judge(door: ClientConnection, token: Token) -> None:
    tls = door.transport.get_extra_info("ssl_object")
    leaf = tls.getpeercert(binary_form=True) if tls is not None else None
    if not leaf or door.response is None:
        raise NotTheConsole("The enrolment door showed no certificate.")
    header = ",".join(door.response.headers.get_all(ROOTS_HEADER))
    check_pinned(leaf, roots_of_header(header), token.pin, utc_now())


def _refused(answer: object) -> NoReturn:
    if isinstance(answer, Refused):
        raise EnrolmentFailed(
            f"Enrolment was refused ({answer.code}): {answer.msg}",
            final=answer.code.startswith("token_"),
        )
    if isinstance(answer, Bye):
        raise EnrolmentFailed(
            f"The enrolment door asks for time: {answer.reason}",
            retry_after_seconds=answer.retry_after_ms / 1000,
        )
    raise EnrolmentFailed("The enrolment door answered with something else than a certificate.")


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__
