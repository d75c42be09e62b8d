"""What may be called: public addresses, named networks, and nothing that hides another one."""

from __future__ import annotations

import pytest

from meshconsole.core.addresses import (
    address_fault,
    host_port,
    is_allowed,
    networks_of,
    url_fault,
)

LOOPBACK = networks_of(["127.0.0.0/8"])


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://hooks.example.com/x", True),
        ("https://hooks.example.com:8443/x?y=1", True),
        ("http://hooks.example.com/x", False),
        ("http://127.0.0.1:8000/x", False),
        ("ftp://hooks.example.com/", False),
        ("https://user:secret@hooks.example.com/", False),
        ("https:///x", False),
        ("https://hooks.example.com:99999/", False),
        ("https://[::1", False),
        ("https://a b", False),
        ("https://häuser.example", False),
        ("https://hooks.example.com/" + "x" * 1000, False),
        ("", False),
    ],
)
def test_an_address_is_https_and_carries_no_secret(url: str, is_fine: bool) -> None:
    assert (url_fault(url) == "") is is_fine


def test_plain_http_is_for_loopback_where_that_is_allowed() -> None:
    assert url_fault("http://127.0.0.1:8000/x", LOOPBACK) == ""
    assert url_fault("http://10.0.0.1/x", networks_of(["10.0.0.0/8"])) != ""
    assert url_fault("http://localhost:8000/x", LOOPBACK) != ""


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
    ],
)
def test_only_public_addresses_are_called(address: str, allowed: bool) -> None:
    assert is_allowed(address) is allowed


def test_a_named_network_is_allowed_also_where_it_is_mapped() -> None:
    assert is_allowed("127.0.0.1", LOOPBACK)
    assert is_allowed("::ffff:127.0.0.1", LOOPBACK)
    assert not is_allowed("::1", LOOPBACK)


def test_every_address_of_a_name_is_judged() -> None:
    assert address_fault(["93.184.216.34"]) == ""
    assert "10.0.0.1" in address_fault(["93.184.216.34", "10.0.0.1"])
    assert address_fault([]) != ""
    assert host_port("https://a.example/x") == ("a.example", 443)
