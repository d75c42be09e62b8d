"""One command brings up a mesh that a person can sign in to and a script can drive."""

from __future__ import annotations

import json
import os
import socket
import urllib.parse

import httpx
import pytest

from meshconsole.demo.launch import Launched
from meshconsole.drill.console import Console, Refused
from meshconsole.drill.stage import Stage
from tests.harness.demo import counted, in_step
from tests.harness.wait import eventually


def test_demo_json_has_what_a_script_needs(demo: Launched) -> None:
    told = json.loads((demo.folder / "demo.json").read_bytes())
    assert {"console", "user", "entrance", "processes"} <= set(told)
    names = [process["name"] for process in told["processes"]]
    assert len(set(names)) == len(names)
    assert {"redis", "console", "discovery", "healer", "load"} <= set(names)
    assert sum(name.startswith("sidecar-") for name in names) == 9
    for process in told["processes"]:
        os.kill(process["pid"], 0)
        for port in process["ports"]:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_the_password_is_printed_once_and_kept_nowhere(demo: Launched) -> None:
    assert demo.output.count(demo.password) == 1
    for path in demo.folder.rglob("*"):
        if path.is_file() and path.name != "demo.out":
            assert demo.password.encode() not in path.read_bytes(), path


def test_the_summary_is_ten_lines(demo: Launched) -> None:
    lines = demo.output.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("The mesh serves after"))
    block = lines[begin : begin + 10]
    assert any(demo.demo.console in line for line in block)
    assert "Ctrl-C" in block[-1]


def test_a_person_signs_in(stage: Stage) -> None:
    assert stage.console.page("/").status_code == 200


def test_a_wrong_password_is_refused(demo: Launched) -> None:
    with pytest.raises(Refused):
        Console(demo.demo.console, demo.demo.user, "wrong")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/browse", 200), ("POST", "/checkout", 201), ("POST", "/transfer", 201)],
)
def test_the_entrance_reaches_the_whole_mesh(
    demo: Launched, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, f"{demo.demo.entrance}{path}", timeout=15)
    assert answer.status_code == status, answer.text


def test_every_sidecar_is_in_step(stage: Stage) -> None:
    in_step(stage)


def test_every_request_arrives_once_and_only_at_the_group_in_force(stage: Stage) -> None:
    seen = counted(stage, 300, 300.0, lambda: None)
    assert (seen.failed, seen.lost, seen.repeated) == (0, 0, 0), seen.outcomes


def test_the_load_generator_is_answered(demo: Launched) -> None:
    def answered() -> bool:
        stats = httpx.get(f"{demo.demo.load}/_stats", timeout=5).json()
        return bool(stats["ok"] > 50)

    eventually(answered, timeout=20)


def test_the_topology_shows_real_traffic(stage: Stage) -> None:
    def edges() -> set[tuple[str, str]]:
        graph = stage.console.get("/api/v1/topology", minutes=5)
        return {(edge["source"], edge["target"]) for edge in graph["edges"]}

    eventually(lambda: {("gateway", "order"), ("order", "stock")} <= edges(), timeout=30)


def test_a_second_demo_in_the_same_folder_is_refused(demo: Launched) -> None:
    from meshconsole.demo.state import AlreadyRunning, State

    with pytest.raises(AlreadyRunning):
        State(demo.folder).open()


def test_a_port_that_is_taken_is_passed_over_and_said(demo: Launched) -> None:
    port = urllib.parse.urlsplit(demo.demo.console).port
    assert port == 8200 or "Port 8200 is taken" in demo.output
