"""An application's calls are led to its sidecar by the kernel, in namespaces of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.contract.snapshot import Endpoint, Service, Snapshot
from tests.harness.wait import eventually
from tests.integration.proxy.namespaces import (
    AS_SIDECAR,
    FAR,
    FAR6,
    NEAR,
    OTHER,
    SIDECAR_ID,
    Wire,
    why_not,
    wire,
)

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "possible")

PEERS = "tests.integration.proxy.peers_apart"
RULES = ("-m", "proxy.interception")
INSTALL = (
    *(*RULES, "install", "--outbound-port", "15001", "--inbound-port", "15006"),
    *("--uid", str(SIDECAR_ID), "--exclude-inbound-ports", "15000"),
)
ADMIN = "127.0.0.1:15002"


@pytest.fixture
def near() -> Iterator[Wire]:
    """Servers beyond the wire: a service at two places, a database at two, and strangers."""
    with wire() as made:
        places = [
            *("http", "one", f"{FAR}:9001", "http", "two", f"{OTHER}:9001"),
            *("banner", "db-one", f"{FAR}:3306", "banner", "db-two", f"{OTHER}:3306"),
            *("http", "stranger", f"{FAR}:7777", "banner", "stranger", f"{FAR}:25"),
        ]
        if made.has_v6:
            places += ["http", "six", f"[{FAR6}]:9001"]
        servers = made.start(made.far, sys.executable, "-m", PEERS, "serve", *places)
        assert servers.stdout is not None
        assert servers.stdout.readline() == b"ready\n"
        yield made


def service(name: str, port: int) -> Service:
    return Service(
        name=name,
        groups=("all",),
        endpoints=tuple(
            Endpoint(id=f"{name}-{n}", addr=f"{host}:{port}", group="all", unit="u1")
            for n, host in enumerate((FAR, OTHER))
        ),
    )


@contextmanager
def sidecar(near: Wire, folder: Path, *flags: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """A proxy where the application lives, as another user; gives its /stats."""
    file = folder / "snapshot.json"
    snapshot = Snapshot(service={"shop": service("shop", 9001), "db": service("db", 3306)})
    file.write_bytes(msgspec.json.encode(snapshot))
    place = "0.0.0.0:15001,[::]:15001" if near.has_v6 else "0.0.0.0:15001"
    process = near.start(
        near.near,
        *(*AS_SIDECAR, sys.executable, "-m", "proxy", "--listen", "127.0.0.1:15000"),
        *("--snapshot", str(file), "--intercept", place, "--admin", ADMIN, *flags),
    )

    def stats() -> dict[str, Any]:
        said = near.python("-m", PEERS, "ask", "1", ADMIN, "http", "localhost").strip()
        return {} if said.endswith("Error") else json.loads(page(near, "/stats"))

    eventually(lambda: stats() or process.poll() is not None, what="a sidecar that serves")
    assert process.poll() is None
    yield stats


def page(near: Wire, path: str) -> str:
    code = f"import urllib.request as r; print(r.urlopen('http://{ADMIN}{path}').read().decode())"
    return near.python("-c", code)


def ask(near: Wire, place: str, kind: str, word: str, times: int = 1) -> list[str]:
    """What the application hears when it dials the place itself."""
    return near.python("-m", PEERS, "ask", str(times), place, kind, word).splitlines()


def table(near: Wire) -> list[str]:
    return near.run("iptables", "-t", "nat", "-S").stdout.splitlines()


def test_calls_to_an_endpoint_are_balanced_over_its_service(near: Wire, tmp_path: Path) -> None:
    near.python(*INSTALL)
    with sidecar(near, tmp_path) as stats:
        by_host = ask(near, f"{FAR}:9001", "http", "shop", times=6)
        assert sorted(set(by_host)) == ["one", "two"]
        by_address = ask(near, f"{FAR}:9001", "http", f"{FAR}:9001", times=6)
        assert sorted(set(by_address)) == ["one", "two"]
        listener = stats()["listeners"]["intercept"]
        assert listener["accepted"] == 12, "the sidecar's own calls do not come back to it"
        assert listener["refusals"] == {}


def test_a_server_that_speaks_first_is_reached_and_balanced(near: Wire, tmp_path: Path) -> None:
    near.python(*INSTALL)
    with sidecar(near, tmp_path) as stats:
        heard = ask(near, f"{FAR}:3306", "banner", "hello", times=4)
        assert sorted(set(heard)) == ["220 db-one / hello", "220 db-two / hello"]
        edges = {edge["app"]: edge for edge in stats()["edges"]}
        assert edges["db"]["interface"] == "tcp"
        assert edges["db"]["requests"] == 4


def test_workers_see_where_a_call_was_going_too(near: Wire, tmp_path: Path) -> None:
    near.python(*INSTALL)
    with sidecar(near, tmp_path, "--workers", "2") as stats:
        by_address = ask(near, f"{FAR}:9001", "http", f"{FAR}:9001", times=8)
        assert sorted(set(by_address)) == ["one", "two"]
        heard = ask(near, f"{FAR}:3306", "banner", "hello", times=4)
        assert set(heard) <= {"220 db-one / hello", "220 db-two / hello"}
        assert ask(near, f"{FAR}:7777", "http", "elsewhere.example") == ["stranger"]
        # each worker tells its parent what it saw, once a second
        eventually(lambda: stats()["listeners"]["intercept"]["accepted"] == 13, timeout=20)
        edges = {edge["app"]: edge["requests"] for edge in stats()["edges"]}
        assert (edges["shop"], edges["db"], edges["passthrough"]) == (8, 4, 1)
        assert len(stats()["workers"]) == 2


def test_strangers_are_passed_on_to_and_counted_apart(near: Wire, tmp_path: Path) -> None:
    near.python(*INSTALL)
    with sidecar(near, tmp_path) as stats:
        assert ask(near, f"{FAR}:7777", "http", "elsewhere.example") == ["stranger"]
        assert ask(near, f"{FAR}:25", "banner", "hello") == ["220 stranger / hello"]
        (answer,) = ask(near, f"{FAR}:7778", "http", "elsewhere.example")
        assert answer.startswith("Cannot connect")
        assert {edge["app"] for edge in stats()["edges"]} == {"passthrough"}


def test_strangers_are_refused_when_they_shall_be(near: Wire, tmp_path: Path) -> None:
    near.python(*INSTALL)
    with sidecar(near, tmp_path, "--intercept-unknown", "refuse") as stats:
        (answer,) = ask(near, f"{FAR}:7777", "http", "elsewhere.example")
        assert "--intercept-unknown" in answer
        assert ask(near, f"{FAR}:25", "banner", "hello") == ["ConnectionResetError"]
        assert stats()["listeners"]["intercept"]["refusals"] == {"NR": 2}


def test_who_dials_the_listener_itself_is_turned_away(near: Wire, tmp_path: Path) -> None:
    near.python(*INSTALL)
    with sidecar(near, tmp_path) as stats:
        for place in ("127.0.0.1:15001", f"{NEAR}:15001"):
            (said,) = ask(near, place, "banner", "hello")
            assert said == "ConnectionResetError"
        listener = stats()["listeners"]["intercept"]
        assert listener["refusals"] == {"NR": 2}
        assert listener["callers"] == 0


def test_calls_over_ipv6_are_led_here_too(near: Wire, tmp_path: Path) -> None:
    if not near.has_v6:
        pytest.skip("this kernel has no IPv6 NAT")
    near.python(*INSTALL)
    with sidecar(near, tmp_path) as stats:
        assert ask(near, f"[{FAR6}]:9001", "http", "elsewhere.example") == ["six"]
        assert ask(near, f"[{FAR6}]:9001", "http", "shop", times=4) != ["six"] * 4
        assert stats()["listeners"]["intercept6"]["accepted"] == 5


def test_installing_twice_is_installing_once_and_removing_leaves_nothing(near: Wire) -> None:
    before = table(near)
    near.python(*INSTALL)
    once = table(near)
    assert len(once) > len(before)
    near.python(*INSTALL)
    assert table(near) == once
    assert "MESH_OUT" in near.python(*RULES, "show")
    near.python(*RULES, "remove")
    assert table(near) == before
    near.python(*RULES, "remove")
    assert table(near) == before
    assert near.python(*RULES, "show") == ""


def test_what_others_put_there_stays(near: Wire) -> None:
    near.run("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "RETURN")
    before = table(near)
    near.python(*INSTALL)
    assert set(before) <= set(table(near))
    near.python(*RULES, "remove")
    assert table(near) == before


def test_a_dry_run_changes_nothing(near: Wire) -> None:
    before = table(near)
    said = near.python(*INSTALL, "--dry-run", "--family", "4")
    assert said.startswith("# iptables-restore --noflush\n*nat\n")
    assert table(near) == before


def test_calls_to_the_application_are_led_to_its_sidecar_and_keep_their_port(
    near: Wire, tmp_path: Path
) -> None:
    """The application listens on loopback alone, so nothing but its sidecar can reach it."""
    near.python(*INSTALL)
    places = ("http", "main", "127.0.0.1:8080", "banner", "mail", "127.0.0.1:25")
    servers = near.start(near.near, sys.executable, "-m", PEERS, "serve", *places)
    assert servers.stdout is not None
    assert servers.stdout.readline() == b"ready\n"
    near.start(
        near.near,
        *(*AS_SIDECAR, sys.executable, "-m", "proxy", "--console", "wss://127.0.0.1:1"),
        *("--app", "shop", "--unit", "u1", "--group", "all", "--instance", "shop-1"),
        *("--inbound", f"{NEAR}:15000", "--app-address", "127.0.0.1:8080"),
        *("--outbound", "127.0.0.1:15003", "--state-dir", str(tmp_path), "--admin", ADMIN),
        *("--intercept-inbound", "0.0.0.0:15006"),
    )

    def heard(place: str, kind: str) -> list[str]:
        argv = ("-m", PEERS, "ask", "1", place, kind, "hello")
        return near.python(*argv, beyond=True).splitlines()

    eventually(lambda: heard(f"{NEAR}:8080", "http") == ["main"], what="a sidecar that serves")
    assert heard(f"{NEAR}:25", "banner") == ["220 mail / hello"]
    assert heard(f"{NEAR}:15000", "http") == ["main"]
