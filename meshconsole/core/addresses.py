"""Which addresses outside of the mesh may be called, by what they are and not by their names; pure.

A URL comes from a person, the address behind its name from whoever answers for that name. So the
name is resolved once, every address it has is judged, and the judged one is what is connected to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
URL_LIMIT = 1000
_NAT64 = ip_network("64:ff9b::/96")
_LOOPBACKS: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def url_fault(url: str, networks: Sequence[Network] = ()) -> str:
    """What is wrong with a URL before anything is resolved; empty when nothing is.

    It is https. Plain http is for loopback alone, and only where `networks` has it.
    """
    if len(url) > URL_LIMIT or not url.isascii() or not url.isprintable() or " " in url:
        return f"An address has at most {URL_LIMIT} printable ASCII characters and no blanks."
    parts = _split(url)
    if parts is None or not parts.hostname:
        return "Write an address such as https://hooks.example.com/path."
    if parts.username is not None or parts.password is not None:
        return "An address carries no user name or password: they would end up in logs."
    if parts.scheme == "https":
        return ""
    if parts.scheme == "http" and _is_loopback(parts.hostname, networks):
        return ""
    return "An address begins with https://; http:// is for loopback, where that is allowed."


def host_port(url: str) -> tuple[str, int]:
    """Host and port of a URL that has no fault."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def address_fault(addresses: Iterable[str], networks: Sequence[Network] = ()) -> str:
    """Why a name with these addresses may not be called; empty when every one may be."""
    found = list(addresses)
    if not found:
        return "The name has no address."
    for text in found:
        if not is_allowed(text, networks):
            return (
                f"The name leads to {text}, which is not public: name its network in the settings "
                "if it is meant."
            )
    return ""


def is_allowed(text: str, networks: Sequence[Network] = ()) -> bool:
    """Is it a public address, or in one of these networks? Looks into what is mapped in IPv6."""
    address = unwrapped(ip_address(text.partition("%")[0]))
    if any(address in network for network in networks if network.version == address.version):
        return True
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped, NAT64, 6to4 or Teredo."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    inner = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
    return inner or address


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks as settings write them; raises ValueError."""
    return tuple(ip_network(text) for text in texts)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_loopback(host: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in own for own in _LOOPBACKS if own.version == address.version) and any(
        address in network for network in networks if network.version == address.version
    )
