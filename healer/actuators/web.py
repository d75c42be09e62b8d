"""One HTTP request of an actuator: to one place, within its time, and its answer within bounds."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import msgspec

from healer.actuators.addresses import PinnedTransport, pinned
from healer.actuators.protocol import AmbiguousResult, NotNow, Refused
from healer.actuators.surroundings import Surroundings

CONNECT_SECONDS = 3.0
ANSWER_LIMIT_BYTES = 1024 * 1024
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def document(self) -> dict[str, object]:
        """Its JSON object, empty when it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except msgspec.DecodeError:
            return {}


class Web:
    """Requests to one place; follows no redirect and heeds no proxy of the environment."""

    def __init__(
        self, what: str, base: str, transport: httpx.BaseTransport, limit: int = ANSWER_LIMIT_BYTES
    ) -> None:
        self.what = what
        self._base = base
        self._transport = transport
        self._limit = limit

    def call(
        self, method: str, path: str, *, seconds: float, headers: Mapping[str, str] | None = None,
        content: bytes = b"", is_question: bool = False,
    ) -> Reply:  # fmt: skip
        """One request.

        Raises NotNow when it was not sent, or only asked something, and AmbiguousResult when a
        change was sent and no answer came.
        """
        ends = time.monotonic() + seconds
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        try:
            with (
                httpx.Client(
                    base_url=self._base, transport=self._transport, timeout=timeout, trust_env=False
                ) as client,
                client.stream(method, path, headers=headers, content=content) as answer,
            ):
                body = self._read(answer, ends)
                return Reply(answer.status_code, dict(answer.headers), body)
        except _UNSENT as error:
            raise NotNow(f"{self.what} cannot be reached: {_said(error)}.") from None
        except (httpx.HTTPError, TimeoutError) as error:
            text = f"{self.what} was asked and gave no whole answer: {_said(error)}."
            if is_question or method == "GET":
                raise NotNow(text) from None
            raise AmbiguousResult(text) from None

    def _read(self, answer: httpx.Response, ends: float) -> bytes:
        body = b""
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > self._limit:
                raise httpx.DecodingError(f"more than {self._limit} bytes")
            if time.monotonic() > ends:
                raise TimeoutError("it did not end in time")
        return body


def web_at(what: str, url: str, around: Surroundings, *, ca: Path | None = None) -> Web:
    """Requests to the checked address of a URL; raises Refused and NotNow."""
    where = pinned(url, around.networks)
    return Web(what, where.base, PinnedTransport(where, _trust(ca)))


def web_at_socket(what: str, path: Path) -> Web:
    """Requests over a Unix socket."""
    return Web(what, "http://localhost", _SocketTransport(path))


class _SocketTransport(httpx.HTTPTransport):
    """Tries the socket first: the library below leaves one open when nobody listens there."""

    def __init__(self, path: Path) -> None:
        super().__init__(uds=str(path), trust_env=False)
        self._path = path

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            trial.settimeout(CONNECT_SECONDS)
            try:
                trial.connect(str(self._path))
            except OSError as error:
                raise httpx.ConnectError(error.strerror or str(error)) from None
        return super().handle_request(request)


def _trust(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError):
        raise Refused("The ca of the actuator's settings is no file of PEM certificates.") from None


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__).rstrip(".")[:200]
