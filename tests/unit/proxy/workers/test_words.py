"""Settings reach a worker as they are, without what only a parent has."""

from __future__ import annotations

from pathlib import Path

import msgspec

from proxy.commandline import parse
from proxy.settings import HostPort, Settings
from proxy.workers.words import settings_heard, settings_said

ALONE = ["--listen", "127.0.0.1:1", "--upstream", "127.0.0.1:2,[::1]:3"]
MESH = [
    *("--console", "wss://127.0.0.1:1", "--app", "a", "--unit", "u", "--group", "g"),
    *("--instance", "i", "--inbound", "127.0.0.1:2", "--outbound", "127.0.0.1:3"),
    *("--app-address", "127.0.0.1:4", "--state-dir", "somewhere", "--interface", "GET /x/{y}"),
]
BOTH = ["--admin", "127.0.0.1:9", "--handover", "somewhere/door", "--workers", "4"]


def _heard(settings: Settings, mesh: bool) -> Settings:
    return settings_heard(settings_said(settings), mesh=mesh)


def _own(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, admin=None, handover=None, workers=1)


def test_a_stand_alone_worker_is_told_everything_but_the_doors_of_its_parent() -> None:
    settings = parse([*ALONE, *BOTH])
    assert settings.admin == HostPort("127.0.0.1", 9)
    assert settings.handover == Path("somewhere/door")
    assert _heard(settings, False) == _own(settings)


def test_a_worker_of_a_sidecar_too() -> None:
    settings = parse([*MESH, *BOTH])
    assert settings.workers == 4
    assert _heard(settings, True) == _own(settings)
