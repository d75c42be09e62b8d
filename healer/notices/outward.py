"""One POST to an address that a person typed: resolved once, judged, and bounded in all it does.

The name is resolved here and every address judged; the connection goes to the judged address, so
that no second answer for the name can lead elsewhere. TLS is verified for the name. No redirect is
followed, no proxy of the environment used. The whole call ends in time, however slowly the other
side speaks.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from urllib.parse import urlsplit

from meshconsole.core.addresses import Network, address_fault, host_port, url_fault

CALL_SECONDS = 5.0
ANSWER_LIMIT_BYTES = 64 * 1024
_PASSING = frozenset({408, 425, 429})
Resolve = Callable[[str, int], list[str]]


class Undelivered(Exception):
    """It was not taken; `is_final` when trying again cannot help."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.is_final = is_final


def resolved(host: str, port: int) -> list[str]:
    """Every address of a name; raises Undelivered."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Undelivered(f"The name {host} cannot be resolved.") from None
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    networks: Sequence[Network] = (),
    seconds: float = CALL_SECONDS,
    resolve: Resolve = resolved,
    context: ssl.SSLContext | None = None,
) -> None:
    """Send it; returns when it was taken (2xx), raises Undelivered with a sentence otherwise."""
    fault = url_fault(url, networks)
    if fault:
        raise Undelivered(fault, is_final=True)
    host, port = host_port(url)
    addresses = resolve(host, port)
    fault = address_fault(addresses, networks)
    if fault:
        raise Undelivered(fault, is_final=True)
    tls = None
    if url.startswith("https:"):
        tls = context or ssl.create_default_context()
    try:
        status = _exchange(url, addresses[0], port, body, headers, seconds, tls)
    except ssl.SSLCertVerificationError as error:
        raise Undelivered(f"{host} shows no valid certificate: {error.verify_message}.") from None
    except (OSError, http.client.HTTPException, ValueError):
        raise Undelivered(f"{host} did not answer properly in {seconds:g} s.") from None
    _judge(status, host)


def _exchange(
    url: str,
    address: str,
    port: int,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
    tls: ssl.SSLContext | None,
) -> int:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    raw = socket.create_connection((address, port), timeout=seconds)
    # Each read may take its own time; this ends all of them together.
    late, held = threading.Event(), [raw]
    end = threading.Timer(seconds, _cut, args=(held, late))
    end.daemon = True
    end.start()
    try:
        if tls is not None:
            secure = tls.wrap_socket(
                raw, server_hostname=parts.hostname, do_handshake_on_connect=False
            )
            held[0] = secure
            secure.do_handshake()
        with closing(http.client.HTTPConnection(parts.netloc, timeout=seconds)) as connection:
            connection.sock = held[0]
            connection.request("POST", path, body=body, headers=dict(headers))
            # Closed by hand: an answer that is kept in a traceback would keep its socket open.
            with connection.getresponse() as answer:
                answer.read(ANSWER_LIMIT_BYTES)
        if late.is_set():  # what was cut off may look like the end of an answer
            raise TimeoutError
        return answer.status
    finally:
        end.cancel()
        held[0].close()


def _judge(status: int, host: str) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Undelivered(f"{host} redirects ({status}): give its last address.", is_final=True)
    is_passing = status >= 500 or status in _PASSING
    raise Undelivered(f"{host} answered {status}.", is_final=not is_passing)


def _cut(held: list[socket.socket], late: threading.Event) -> None:
    """End the conversation whatever it waits for, under TLS too."""
    late.set()
    with suppress(OSError):
        socket.socket.shutdown(held[0], socket.SHUT_RDWR)
