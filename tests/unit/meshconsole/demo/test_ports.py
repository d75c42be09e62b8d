"""Ports are free when handed out, and stay ours between two starts of a child."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from meshconsole.demo.ports import HOST, NoFreePort, Ports


@pytest.fixture
def ports() -> Iterator[Ports]:
    made = Ports(first=29000, last=29400)
    yield made
    made.release()


def listening(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((HOST, port))
    made.listen()
    return made


def test_two_demos_never_get_the_same_port(ports: Ports) -> None:
    other = Ports(first=29000, last=29400)
    try:
        taken = {ports.take() for _ in range(20)}
        assert taken.isdisjoint({other.take() for _ in range(20)})
    finally:
        other.release()


def test_a_child_may_listen_on_a_reserved_port_and_again_after_a_crash(ports: Ports) -> None:
    port = ports.take()
    for _ in range(2):
        with listening(port), socket.create_connection((HOST, port), timeout=2):
            pass


def test_a_taken_port_is_passed_over(ports: Ports) -> None:
    wanted = ports.take()
    with listening(wanted):
        other = Ports(first=29390, last=29400)
        try:
            assert other.prefer(wanted) > wanted
        finally:
            other.release()


def test_a_port_whose_connections_only_linger_is_free() -> None:
    first = Ports(first=29401, last=29420)
    port = first.take()
    with listening(port) as server:
        caller = socket.create_connection((HOST, port), timeout=2)
        accepted, _ = server.accept()
        accepted.close()
        caller.close()
    first.release()
    second = Ports(first=29401, last=29420)
    assert second.prefer(port) == port
    second.release()


def test_an_empty_range_says_what_to_do() -> None:
    with pytest.raises(NoFreePort, match="stop what listens there"):
        Ports(first=29500, last=29500).take()
