"""Starting the secret service: what is somebody else's is left alone."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from proxy.sds import __main__ as command
from proxy.settings import InvalidSettings


def test_a_start_that_is_refused_leaves_the_socket_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "sds.sock"
    place.touch()
    for name in (
        "grpc",
        "envoy",
        "envoy.service",
        "envoy.service.secret",
        "envoy.service.secret.v3",
    ):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))

    async def refused(*_: object) -> int:
        raise InvalidSettings(f"--socket {place}: another process listens there; stop it first.")

    monkeypatch.setattr(command, "run", refused)
    names = [f"--{name}=order" for name in ("app", "unit", "group", "instance")]
    given = ["--console=wss://h:1", "--enrol=wss://h:2", "--address=h:3", *names]
    files = [f"--join-token-file={tmp_path}/t", f"--state-dir={tmp_path}", f"--socket={place}"]
    assert command.main([*given, *files]) == 1
    assert place.exists()
