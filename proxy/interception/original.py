"""Where a connection was going before the kernel led it here (iptables REDIRECT)."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from proxy.settings import HostPort

SO_ORIGINAL_DST = 80
"""The same number for IPv4 (linux/netfilter_ipv4.h) and IPv6 (IP6T_SO_ORIGINAL_DST)."""
_V4_BYTES, _V6_BYTES = 16, 28


def original_destination(own: socket.socket) -> HostPort | None:
    """The address the peer dialled; None when the kernel knows of no other than this listener."""
    try:
        if own.family == socket.AF_INET or _is_mapped(own):
            return v4(own.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, _V4_BYTES))
        return v6(own.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, _V6_BYTES))
    except OSError:
        return None


def v4(answer: bytes) -> HostPort:
    """Read a `struct sockaddr_in`."""
    return HostPort(socket.inet_ntop(socket.AF_INET, answer[4:8]), _port(answer))


def v6(answer: bytes) -> HostPort:
    """Read a `struct sockaddr_in6`."""
    return HostPort(socket.inet_ntop(socket.AF_INET6, answer[8:24]), _port(answer))


def leads_here(destination: HostPort, own: socket.socket) -> bool:
    """Would dialling it come back to this listener? Its port is the listener's, and its address is
    one of this machine."""
    if destination.port != own.getsockname()[1]:
        return False
    family = socket.AF_INET6 if ":" in destination.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((destination.host, 0))
    except OSError:
        return False
    return True


def _port(answer: bytes) -> int:
    return int.from_bytes(answer[2:4], "big")


def _is_mapped(own: socket.socket) -> bool:
    address = ip_address(own.getsockname()[0].partition("%")[0])
    return address.version == 6 and address.ipv4_mapped is not None
