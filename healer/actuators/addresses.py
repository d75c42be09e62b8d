"""Which addresses an actuator may call: public ones and the networks it was given, over TLS.

A name is resolved once, every address it has is checked, and the connection goes to the address
that was checked, so a name that changes its mind between two look-ups gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
import msgspec

from healer.actuators.protocol import NotNow, Refused
from meshconsole.core.addresses import Address, Network, unwrapped

Resolve = Callable[[str, int], Iterable[str]]


class Pinned(msgspec.Struct, frozen=True):
    """Where a URL leads after the check."""

    base: str
    """`https://address:port`."""
    host: str
    """As the Host header says it."""
    name: str
    """Whose certificate is to be shown."""
    path: str


def pinned(url: str, networks: tuple[Network, ...], resolve: Resolve | None = None) -> Pinned:
    """Check a URL and pin its address; raises Refused, and NotNow when its name has no address."""
    parts = urlsplit(url)
    name, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    found = [ip_address(each) for each in (resolve or _resolved)(name, port)]
    if not found:
        raise NotNow(f"{name} has no address: check the name in the actuator's url.")
    for address in found:
        _check(name, address, networks, is_tls=is_tls)
    first = f"[{found[0]}]" if found[0].version == 6 else str(found[0])
    host = f"[{name}]" if ":" in name else name
    return Pinned(
        base=f"{parts.scheme}://{first}:{port}",
        host=host if parts.port is None else f"{host}:{port}",
        name=name,
        path=parts.path or "/",
    )


class PinnedTransport(httpx.HTTPTransport):
    """Sends to the pinned address what is meant for the name, and expects its certificate."""

    def __init__(self, where: Pinned, verify: object) -> None:
        super().__init__(verify=verify, trust_env=False)  # type: ignore[arg-type]
        self._where = where

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        request.headers["host"] = self._where.host
        request.extensions = {**request.extensions, "sni_hostname": self._where.name}
        return super().handle_request(request)


def _resolved(name: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in found]


def _check(name: str, address: Address, networks: tuple[Network, ...], *, is_tls: bool) -> None:
    real = unwrapped(address)
    is_reserved = real.version == 4 and real.is_reserved
    if real.is_link_local or real.is_multicast or real.is_unspecified or is_reserved:
        raise Refused(
            f"{name} leads to {address}, where no actuator may call (link-local, multicast or "
            "reserved): name another address."
        )
    is_listed = any(real in network for network in networks if network.version == real.version)
    if not (real.is_global or is_listed):
        raise Refused(
            f"{name} leads to {address}, which is not public: add its network to "
            "MESH_ACTUATOR_NETWORKS of the healer if actuators may call there."
        )
    if not is_tls and not (real.is_loopback and is_listed):
        raise Refused(
            f"{name} would be called without TLS: use https (plain http is for loopback, where "
            "MESH_ACTUATOR_NETWORKS allows it)."
        )
