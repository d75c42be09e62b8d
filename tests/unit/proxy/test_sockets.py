"""Listening sockets are shared out, handed on, and outlive who accepts from them."""

from __future__ import annotations

import socket

import pytest

from proxy.settings import HostPort, InvalidSettings
from proxy.sockets import Bound, Sockets, has_waiting, share

ANYWHERE = HostPort("127.0.0.1", 0)


def _made(count: int) -> tuple[socket.socket, ...]:
    return tuple(socket.socket() for _ in range(count))


@pytest.mark.parametrize(("sockets", "workers"), [(1, 1), (4, 4), (4, 2), (5, 2), (2, 5), (1, 3)])
def test_every_socket_has_a_worker_and_every_worker_a_socket(sockets: int, workers: int) -> None:
    made = _made(sockets)
    shares = [share(made, workers, at) for at in range(workers)]
    assert all(shares)
    assert {one for part in shares for one in part} == set(made)
    for one in made:
        one.close()


async def test_a_place_that_is_taken_is_said_and_nothing_stays_open() -> None:
    first = Sockets()
    (held,) = await first.of("listen", ANYWHERE)
    place = HostPort("127.0.0.1", int(held.getsockname()[1]))
    for copies in (1, 3):
        with pytest.raises(InvalidSettings, match=r"taken already.*give listen another port"):
            await Sockets(copies=copies).of("listen", place)
    first.close()
    again = Sockets()
    assert await again.of("listen", place)
    again.close()


async def test_copies_share_one_place_with_a_queue_each() -> None:
    sockets = Sockets(copies=3)
    made = await sockets.of("listen", ANYWHERE)
    assert len(made) == 3
    assert len({one.getsockname() for one in made}) == 1
    sockets.close()


async def test_what_was_taken_over_is_used_where_name_and_place_agree() -> None:
    old = Sockets()
    before = await old.of("listen", ANYWHERE)
    new = Sockets([Bound("listen", str(ANYWHERE), before)])
    assert await new.of("listen", ANYWHERE) == before
    other = Sockets([Bound("inbound", str(ANYWHERE), before)])
    assert await other.of("listen", ANYWHERE) != before
    other.close()
    assert before[0].fileno() == -1


async def test_who_waits_in_the_queue_is_seen_and_outlives_one_of_two_owners() -> None:
    old = Sockets()
    (held,) = await old.of("listen", ANYWHERE)
    kept = held.dup()
    assert not has_waiting([held])
    with socket.create_connection(held.getsockname()) as caller:
        assert has_waiting([held])
        old.close()
        accepted, _ = kept.accept()
        caller.sendall(b"x")
        assert accepted.recv(1) == b"x"
        accepted.close()
    kept.close()
