"""What the flags about TCP say, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.commandline import parse
from proxy.settings import SERVER_FIRST, HostPort, MeshSettings, StandaloneSettings
from proxy.tcp.doors import spoken_at

ALONE = ("--listen", "127.0.0.1:1", "--upstream", "127.0.0.1:2")
BY_FILE = ("--listen", "127.0.0.1:1", "--snapshot", "s.json")


def alone(*flags: str) -> StandaloneSettings:
    settings = parse([*flags])
    assert isinstance(settings, StandaloneSettings)
    return settings


def test_applications_are_given_doors() -> None:
    tcp = alone(*BY_FILE, "--tcp", "db=127.0.0.1:5432", "--tcp", "mail=[::1]:25").tcp
    assert tcp.doors == (("db", HostPort("127.0.0.1", 5432)), ("mail", HostPort("::1", 25)))


def test_ports_that_speak_first_have_a_default_and_may_be_none() -> None:
    assert alone(*ALONE).tcp.server_first == SERVER_FIRST
    assert alone(*ALONE, "--server-first", "25, 3306").tcp.server_first == (25, 3306)
    assert alone(*ALONE, "--server-first", "").tcp.server_first == ()


def test_a_sidecar_says_what_its_application_speaks(tmp_path: Path) -> None:
    settings = parse([
        *("--console", "wss://c:1", "--app", "db", "--unit", "u1", "--group", "g"),
        *("--instance", "db-1", "--inbound", "10.0.0.1:1", "--app-address", "127.0.0.1:2"),
        *("--outbound", "127.0.0.1:3", "--state-dir", str(tmp_path), "--protocol", "tcp"),
        *("--intercept", "127.0.0.1:15001", "--intercept-unknown", "refuse"),
    ])  # fmt: skip
    assert isinstance(settings, MeshSettings)
    assert settings.protocol == "tcp"
    assert settings.tcp.intercept == (HostPort("127.0.0.1", 15001),)
    assert settings.tcp.intercept_unknown == "refuse"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ((*BY_FILE, "--tcp", "127.0.0.1:1"), "write NAME=HOST:PORT"),
        ((*BY_FILE, "--tcp", "a b=127.0.0.1:1"), "a b"),
        ((*ALONE, "--tcp", "db=127.0.0.1:1"), "give --snapshot, or --console"),
        ((*ALONE, "--intercept", "127.0.0.1:1"), "give --snapshot, or --console"),
        ((*ALONE, "--server-first", "25,http"), "'http' is not a port"),
        ((*ALONE, "--intercept-inbound", "127.0.0.1:1"), "needs --app-address"),
        ((*BY_FILE, "--protocol", "tcp"), "needs --upstream"),
    ],
)
def test_what_cannot_be_followed_is_answered_with_what_to_do(
    flags: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse([*flags])
    assert sentence in capsys.readouterr().err


def test_a_port_whose_server_speaks_first_is_tcp_at_once() -> None:
    tcp = alone(*ALONE).tcp
    assert spoken_at("auto", tcp, HostPort("h", 8080), HostPort("h", 3306)) == "tcp"
    assert spoken_at("auto", tcp, HostPort("h", 8080)) == "auto"
    assert spoken_at("http1", tcp, HostPort("h", 3306)) == "http1"
