"""A new process takes over; whoever dies meanwhile, the other serves."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from proxy.handover.door import wait_at
from proxy.handover.terms import given
from proxy.handover.words import FROM_NEW, FromNew, Go, Hello, Inheritance, Offer, Ready, Refused
from proxy.settings import HostPort
from proxy.sockets import Bound, Sockets
from proxy.wire import Ended, Wire
from tests.harness.wait import eventually
from tests.integration.proxy.generations import Generations, generations, offered
from tests.integration.proxy.processes import Origin, alone, free_port, origin_server


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A server that remembers what it saw."""
    with origin_server() as made:
        yield made


@pytest.fixture
def place(origin: Origin, tmp_path: Path) -> Iterator[Generations]:
    """A place with no process yet."""
    with generations(tmp_path, origin.address) as made:
        yield made


def test_a_new_process_serves_and_the_old_one_finishes_what_it_has(
    origin: Origin, place: Generations
) -> None:
    old = place.begun()
    kept = HTTPConnection("127.0.0.1", place.port, timeout=10)
    kept.request("GET", "/kept")
    kept.getresponse().read()
    origin.gate.clear()
    kept.request("GET", "/slow")
    eventually(lambda: "/slow" in origin.seen)
    new = place.begun()
    assert old.poll() is None
    origin.gate.set()
    answer = kept.getresponse()
    assert (answer.status, answer.read()) == (200, b"/slow")
    assert answer.headers["Connection"] == "close"
    kept.close()
    assert old.wait(20) == 0
    assert place.get("/new") == (200, b"/new")
    assert place.serving() == new.pid
    assert origin.seen.count("/slow") == 1


def test_a_process_starts_its_own_successor_when_told(place: Generations) -> None:
    old = place.begun()
    assert place.running.ask_admin("/upgrade", "POST")[0] == 202
    first = eventually(lambda: (pid := place.serving()) != old.pid and pid, timeout=20)
    assert old.wait(20) == 0
    os.kill(first, signal.SIGUSR2)
    second = eventually(lambda: (pid := place.serving()) not in (0, first) and pid, timeout=20)
    assert place.get()[0] == 200
    os.kill(second, signal.SIGTERM)
    eventually(lambda: place.serving() == 0, timeout=20)


def test_an_upgrade_without_a_path_is_answered_with_what_to_do(origin: Origin) -> None:
    with alone("--upstream", origin.address) as running:
        status, body = running.ask_admin("/upgrade", "POST")
        assert status == 409
        assert b"--handover PATH" in body


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_new_process_that_dies_at_any_step_leaves_the_old_one_as_it_was(
    place: Generations, steps: int
) -> None:
    old = place.begun()

    async def scene() -> None:
        if steps == 0:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(place.path))
            sock.close()
            return
        wire, message = await offered(place.path)
        assert isinstance(message, Offer)
        if steps >= 2:
            await wire.send(Ready())
        if steps >= 3:
            assert isinstance(await wire.receive(10), Go)
        wire.close()

    asyncio.run(scene())
    if steps:
        eventually(lambda: place.handover("failed") == 1)
        assert "did not take over" in place.handover("error")
    assert place.get("/still") == (200, b"/still")
    assert place.serving() == old.pid
    new = place.begun()
    assert old.wait(20) == 0
    assert place.serving() == new.pid


def test_a_new_process_that_is_killed_while_it_starts_leaves_the_old_one_as_it_was(
    place: Generations,
) -> None:
    old = place.begun()
    new = place.start()
    # It may have started faster than anybody can look.
    eventually(lambda: place.handover("to") == new.pid or place.serving() == new.pid, timeout=20)
    new.kill()
    new.wait(10)
    eventually(lambda: place.serving() == old.pid or old.poll() is not None)
    if old.poll() is None:  # it was killed before it served, not after
        assert place.get("/still") == (200, b"/still")


def test_a_new_process_that_cannot_serve_says_why_and_the_old_one_goes_on(
    place: Generations,
) -> None:
    old = place.begun()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        said = place.refused("--admin", f"127.0.0.1:{taken.getsockname()[1]}")
    assert "taken already" in said
    assert place.serving() == old.pid
    assert place.get()[0] == 200
    assert place.handover("failed") == 1


def test_another_version_is_refused_with_a_sentence(place: Generations) -> None:
    old = place.begun()

    async def scene() -> None:
        wire, message = await offered(place.path, version=99)
        assert isinstance(message, Refused)
        assert "version 99" in message.why
        wire.close()

    asyncio.run(scene())
    assert place.serving() == old.pid


def test_of_two_new_processes_one_wins_and_the_other_is_told(place: Generations) -> None:
    place.begun()

    async def scene() -> str:
        wire, message = await offered(place.path)
        assert isinstance(message, Offer)
        said = await asyncio.to_thread(place.refused)
        wire.close()
        return said

    assert "is taking over already" in asyncio.run(scene())
    place.begun()
    assert place.get()[0] == 200


def test_a_process_that_is_the_first_makes_its_door_over_a_dead_ones(place: Generations) -> None:
    old = place.begun()
    old.kill()
    old.wait(10)
    assert place.path.exists()
    place.begun()
    assert place.get()[0] == 200
    assert place.path.stat().st_mode & 0o777 == 0o600


async def _played(place: Generations, until: type[FromNew]) -> Wire[FromNew]:
    """Play an old process until the new one has said `until`; then its sockets are the new one's
    alone."""
    sockets = Sockets()
    await sockets.of("listen", HostPort("127.0.0.1", place.port))
    await sockets.of("--admin", HostPort("127.0.0.1", place.admin))
    listening = wait_at(place.path)
    sockets.keep(Bound("handover", str(place.path), (listening,)))
    await asyncio.to_thread(place.start)
    accepted, _ = await asyncio.get_running_loop().sock_accept(listening)
    wire: Wire[FromNew] = Wire(accepted, FROM_NEW)
    assert isinstance(await wire.receive(20), Hello)
    if until is not Hello:
        bound = sockets.all()
        files = [one.fileno() for each in bound for one in each.sockets]
        await wire.send(Offer(given=given(bound), ready=True), files)
        assert isinstance(await wire.receive(20), Ready)
    sockets.close()
    return wire


@pytest.mark.parametrize("step", ["hello", "ready", "go"])
def test_an_old_process_that_dies_at_any_step_leaves_the_new_one_serving(
    place: Generations, step: str
) -> None:
    async def scene() -> None:
        wire = await _played(place, Hello if step == "hello" else Ready)
        if step == "go":
            await wire.send(Go(inheritance=Inheritance()))
        wire.close()

    asyncio.run(scene())
    eventually(lambda: place.serving() == place.processes[0].pid, timeout=20)
    assert place.get("/alone") == (200, b"/alone")
    place.begun()
    assert place.processes[0].wait(20) == 0


def test_who_waits_to_be_accepted_is_served_by_the_new_process(place: Generations) -> None:
    async def scene() -> tuple[Wire[FromNew], HTTPConnection]:
        wire = await _played(place, Ready)
        early = HTTPConnection("127.0.0.1", place.port, timeout=20)
        early.request("GET", "/early")  # nobody accepts yet; the kernel does
        await wire.send(Go(inheritance=Inheritance()))
        await wire.receive(20)
        return wire, early

    wire, early = asyncio.run(scene())
    answer = early.getresponse()
    assert (answer.status, answer.read()) == (200, b"/early")
    early.close()
    wire.close()


def test_a_listener_that_the_new_process_does_not_want_is_closed(place: Generations) -> None:
    old = place.begun()
    before, place.port = place.port, free_port()
    place.begun()
    assert place.get()[0] == 200
    assert old.wait(20) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", before), timeout=5)


def test_a_stranger_is_not_heard(place: Generations) -> None:
    place.begun()

    async def scene() -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(place.path))
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        wire = Wire(sock, FROM_NEW)
        with pytest.raises(Ended):
            await wire.receive(10)
        wire.close()

    asyncio.run(scene())
    assert place.get()[0] == 200
