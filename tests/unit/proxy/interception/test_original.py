"""Where a connection was going, as the kernel writes it."""

from __future__ import annotations

import socket

from proxy.interception.original import leads_here, original_destination, v4, v6
from proxy.settings import HostPort


def test_an_ipv4_destination_is_read() -> None:
    answer = b"\x02\x00" + (3306).to_bytes(2, "big") + bytes([10, 1, 2, 3]) + bytes(8)
    assert v4(answer) == HostPort("10.1.2.3", 3306)


def test_an_ipv6_destination_is_read() -> None:
    place = socket.inet_pton(socket.AF_INET6, "fd77::2")
    answer = b"\x0a\x00" + (443).to_bytes(2, "big") + bytes(4) + place + bytes(4)
    assert v6(answer) == HostPort("fd77::2", 443)


def test_a_listener_leads_to_itself_under_every_address_of_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]
        assert leads_here(HostPort("127.0.0.1", port), own)
        assert leads_here(HostPort("127.9.9.9", port), own)
        assert not leads_here(HostPort("127.0.0.1", port ^ 1), own)
        assert not leads_here(HostPort("192.0.2.1", port), own)


def test_a_connection_that_was_not_led_anywhere_is_its_own_destination_or_has_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        caller = socket.create_connection(own.getsockname())
        accepted, _ = own.accept()
        with caller, accepted:
            found = original_destination(accepted)
            assert found is None or leads_here(found, accepted)
