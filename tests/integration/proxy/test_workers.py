"""Several workers behind one place: merged, replaced, drained and handed over as one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.contract.snapshot import Endpoint, Service, Snapshot
from tests.harness.wait import eventually
from tests.integration.proxy.generations import Generations, generations
from tests.integration.proxy.processes import Origin, origin_server

TWO = ("--workers", "2")


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


def _workers(place: Generations) -> list[dict[str, Any]]:
    return list(place.stats().get("workers", []))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def _ready(place: Generations) -> bool:
    return place.running.ask_admin("/readyz")[0] == 200


def _settled(place: Generations, accepted: int) -> dict[str, Any]:
    """One reading in which nothing is in flight any more: a worker may tell in mid-request."""
    stats = place.stats()
    listen = stats["listeners"]["listen"]
    over = listen["accepted"] >= accepted and listen["endpoints"][0]["in_flight"] == 0
    return stats if over else {}


def test_what_every_worker_has_seen_is_shown_as_one(place: Generations) -> None:
    place.begun(*TWO)
    assert _ready(place)
    for at in range(40):
        assert place.get(f"/{at}") == (200, f"/{at}".encode())
    stats = eventually(lambda: _settled(place, 40), what="each worker has told of its last request")
    listen = stats["listeners"]["listen"]
    assert (listen["accepted"], listen["endpoints"][0]["answered"]) == (40, 40)
    assert [edge["requests"] for edge in stats["edges"]] == [40]
    pids = {worker["pid"] for worker in stats["workers"]}
    assert len(pids) == 2
    assert stats["pid"] not in pids
    metrics = place.running.ask_admin("/metrics")[1]
    assert b'meshproxy_worker_up{worker="1"} 1\n' in metrics
    assert b'meshproxy_connections_accepted_total{listener="listen"} 40\n' in metrics


def test_a_worker_that_is_killed_is_replaced_and_who_waits_for_it_is_served(
    place: Generations,
) -> None:
    place.begun(*TWO)
    place.get("/before")
    eventually(lambda: place.stats()["listeners"]["listen"]["accepted"] == 1)
    victim = int(_workers(place)[0]["pid"])
    os.kill(victim, signal.SIGSTOP)
    # about half of these wait in the queue of the one that stands still, and then is killed
    callers = [HTTPConnection("127.0.0.1", place.port, timeout=20) for _ in range(30)]
    for one in callers:
        one.connect()
    os.kill(victim, signal.SIGKILL)
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(_asked, callers))
    assert answers == [200] * 30
    eventually(lambda: _ready(place), timeout=20)
    assert [worker["restarts"] for worker in _workers(place)] == [1, 0]
    eventually(lambda: place.stats()["listeners"]["listen"]["accepted"] == 31)


def _asked(connection: HTTPConnection) -> int:
    with closing(connection):
        connection.request("GET", "/waited")
        answer = connection.getresponse()
        answer.read()
        return answer.status


def test_it_leaves_as_one_and_finishes_what_its_workers_have(
    origin: Origin, place: Generations
) -> None:
    parent = place.begun(*TWO)
    workers = [int(worker["pid"]) for worker in _workers(place)]
    origin.gate.clear()
    busy = [HTTPConnection("127.0.0.1", place.port, timeout=15) for _ in range(6)]
    for at, one in enumerate(busy):
        one.request("GET", f"/{at}")
    eventually(lambda: len(origin.seen) == 6)
    parent.send_signal(signal.SIGTERM)
    eventually(lambda: not _ready(place))
    origin.gate.set()
    for at, one in enumerate(busy):
        answer = one.getresponse()
        assert (answer.read(), answer.headers["Connection"]) == (f"/{at}".encode(), "close")
        one.close()
    assert parent.wait(20) == 0
    assert not any(_alive(pid) for pid in workers)


def test_the_number_of_workers_changes_with_a_handover(place: Generations) -> None:
    for flags in ((), TWO, ("--workers", "3"), ()):
        before = place.processes[-1] if place.processes else None
        place.begun(*flags)
        if before is not None:
            assert before.wait(20) == 0
        for at in range(12):
            assert place.get(f"/{at}")[0] == 200
        assert len(_workers(place)) == (int(flags[1]) if flags else 0)


def test_workers_do_not_outlive_a_parent_that_is_killed(place: Generations) -> None:
    parent = place.begun(*TWO)
    workers = [int(worker["pid"]) for worker in _workers(place)]
    parent.kill()
    parent.wait(10)
    eventually(lambda: not any(_alive(pid) for pid in workers), timeout=20)
    place.begun(*TWO)
    assert place.get()[0] == 200


def test_told_twice_it_ends_at_once_with_its_workers(origin: Origin, place: Generations) -> None:
    parent = place.begun(*TWO)
    workers = [int(worker["pid"]) for worker in _workers(place)]
    origin.gate.clear()
    with closing(HTTPConnection("127.0.0.1", place.port, timeout=10)) as busy:
        busy.request("GET", "/busy")
        eventually(lambda: "/busy" in origin.seen)
        parent.send_signal(signal.SIGTERM)
        eventually(lambda: not _ready(place))
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(5) == 1
    eventually(lambda: not any(_alive(pid) for pid in workers), timeout=20)
    origin.gate.set()


def _snapshot(address: str) -> bytes:
    endpoint = Endpoint(id="one", addr=address, group="all", unit="u")
    service = Service(name="stock", endpoints=(endpoint,), groups=("all",))
    return msgspec.json.encode(Snapshot(service={"stock": service}))


def test_a_snapshot_reaches_every_worker(origin: Origin, place: Generations) -> None:
    file = place.path.with_name("snapshot.json")
    with origin_server() as other:
        file.write_bytes(_snapshot(origin.address))
        place.upstream = ""
        place.begun("--snapshot", str(file), *TWO)
        for at in range(10):
            assert place.running.get(f"/{at}", host="stock")[0] == 200
        file.write_bytes(_snapshot(other.address))
        status, answer = place.running.ask_admin("/reload", "POST")
        assert (status, json.loads(answer)["in_step"]) == (200, True)
        assert [worker["revision"] for worker in _workers(place)] == [2, 2]
        origin.seen.clear()
        for at in range(20):
            assert place.running.get(f"/{at}", host="stock")[0] == 200
        assert (len(origin.seen), len(other.seen)) == (0, 20)


def _explained(place: Generations) -> dict[str, Any]:
    """What it would do with a request, as the client of its admin door prints it."""
    argv = [*(sys.executable, "-m", "proxy", "explain", "GET /a", "-H", "host: stock")]
    argv += ["--admin", f"127.0.0.1:{place.admin}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_request_is_explained_by_what_all_workers_hold_and_none_is_sent(
    origin: Origin, place: Generations
) -> None:
    file = place.path.with_name("snapshot.json")
    file.write_bytes(_snapshot(origin.address))
    place.upstream = ""
    place.begun("--snapshot", str(file), *TWO)
    assert _explained(place)["would_pick"] == "one"
    assert origin.seen == []
    with closing(HTTPConnection("127.0.0.1", place.port, timeout=10)) as kept:
        kept.request("GET", "/kept", headers={"Host": "stock"})
        kept.getresponse().read()
        seen = eventually(
            lambda: (one := _explained(place)["candidates"][0])["connections"] and one
        )
        assert (seen["addr"], seen["in_flight"]) == (origin.address, 0)
    with origin_server() as other:
        file.write_bytes(_snapshot(other.address))
        assert place.running.ask_admin("/reload", "POST")[0] == 200
        said = _explained(place)
        assert (said["revision"], said["candidates"][0]["addr"]) == (2, other.address)
    assert origin.seen == ["/kept"]


def test_a_snapshot_is_swapped_and_handed_over_under_load_and_no_request_is_lost(
    origin: Origin, place: Generations
) -> None:
    file = place.path.with_name("snapshot.json")
    file.write_bytes(_snapshot(origin.address))
    place.upstream = ""
    flags = ("--snapshot", str(file), *TWO)
    old = place.begun(*flags)
    over = threading.Event()

    def ask(name: int) -> list[str]:
        asked: list[str] = []
        while not over.is_set():
            asked.append(f"/{name}/{len(asked)}")
            assert place.running.get(asked[-1], host="stock")[0] == 200
        return asked

    with origin_server() as other, ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, name) for name in range(4)]
        try:
            for address in (other.address, origin.address, other.address):
                file.write_bytes(_snapshot(address))
                assert place.running.ask_admin("/reload", "POST")[0] == 200
            place.begun(*flags)
            assert old.wait(20) == 0
        finally:
            over.set()
        asked = [path for one in asking for path in one.result(20)]
        assert sorted(origin.seen + other.seen) == sorted(asked)
