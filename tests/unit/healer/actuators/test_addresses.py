"""An actuator calls public addresses and listed networks over TLS, and the address it checked."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from healer.actuators.addresses import Resolve, pinned
from healer.actuators.protocol import NotNow, Refused

LOOPBACK = (ip_network("127.0.0.0/8"),)
PRIVATE = (ip_network("10.0.0.0/8"),)


def _only(address: str) -> Resolve:
    return lambda name, port: [address]


def test_a_public_address_is_pinned_under_its_name() -> None:
    where = pinned("https://hooks.example.com/mesh", (), lambda name, port: ["93.184.216.34"])
    assert (where.base, where.host) == ("https://93.184.216.34:443", "hooks.example.com")
    assert (where.name, where.path) == ("hooks.example.com", "/mesh")


def test_a_listed_network_may_be_called_over_tls_and_a_port_is_kept() -> None:
    where = pinned("https://api:6443", PRIVATE, lambda name, port: ["10.1.2.3"])
    assert (where.base, where.host, where.path) == ("https://10.1.2.3:6443", "api:6443", "/")


def test_plain_http_is_for_listed_loopback_alone() -> None:
    assert pinned("http://localhost:8/x", LOOPBACK, lambda name, port: ["127.0.0.1"]).base
    for url, networks, address in (
        ("http://localhost/x", (), "127.0.0.1"),
        ("http://api/x", PRIVATE, "10.1.2.3"),
        ("http://example.com/x", LOOPBACK, "93.184.216.34"),
    ):
        with pytest.raises(Refused):
            pinned(url, networks, _only(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "::1", "fc00::1",
        "::ffff:10.1.2.3", "::ffff:127.0.0.1", "64:ff9b::a01:203", "2002:a01:203::1",
    ],
)  # fmt: skip
def test_what_is_not_public_needs_to_be_listed(address: str) -> None:
    with pytest.raises(Refused, match="add its network to MESH_ACTUATOR_NETWORKS"):
        pinned("https://x/", (), lambda name, port: [address])


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "224.0.0.1",
        "0.0.0.0",  # noqa: S104 - refused
        "::",
        "240.0.0.1",
    ],
)
def test_some_addresses_are_called_by_nobody_even_when_listed(address: str) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    with pytest.raises(Refused, match="where no actuator may call"):
        pinned("https://x/", everything, lambda name, port: [address])


def test_one_bad_address_among_good_ones_is_enough() -> None:
    with pytest.raises(Refused):
        pinned("https://x/", (), lambda name, port: ["93.184.216.34", "10.1.2.3"])


def test_a_name_without_an_address_may_have_one_later() -> None:
    with pytest.raises(NotNow, match="has no address"):
        pinned("https://nowhere.example/", (), lambda name, port: [])


def test_an_ipv6_address_is_written_in_brackets() -> None:
    where = pinned("https://[2606:2800:220:1::1]:8443/", (), lambda name, port: [name])
    assert where.base == "https://[2606:2800:220:1::1]:8443"
    assert where.host == "[2606:2800:220:1::1]:8443"
