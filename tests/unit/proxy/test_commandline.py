"""The command line of a sidecar."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.commandline import parse
from proxy.settings import HostPort, MeshSettings, StandaloneSettings, host_port

MESH = [
    *("--console", "wss://127.0.0.1:9443,wss://127.0.0.1:9445", "--enrol", "wss://127.0.0.1:9444"),
    *("--join-token-file", "token", "--state-dir", "state"),
    *("--app", "stock", "--unit", "u1", "--group", "g1", "--instance", "stock-1"),
    *("--inbound", "127.0.0.1:1", "--app-address", "127.0.0.1:2", "--outbound", "127.0.0.1:3"),
]


def test_a_stand_alone_proxy_is_told_where_to_listen_and_where_to_send() -> None:
    settings = parse(["--listen", "10.0.0.1:80", "--upstream", "a:1, [::1]:2"])
    assert isinstance(settings, StandaloneSettings)
    assert settings.listen == HostPort("10.0.0.1", 80)
    assert settings.upstream == (HostPort("a", 1), HostPort("::1", 2))
    assert settings.admin is None


def test_framed_calls_go_on_as_they_came() -> None:
    settings = parse(
        ["--listen", "127.0.0.1:1", "--upstream", "a:1", "--upstream-protocol", "bolt"]
    )
    assert isinstance(settings, StandaloneSettings)
    assert (settings.protocol, settings.upstream_protocol) == ("auto", "bolt")


@pytest.mark.parametrize(("spoken", "sent"), [("http1", "bolt"), ("bolt", "http2")])
def test_framed_calls_are_turned_into_no_other_protocol(
    spoken: str, sent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--listen", "127.0.0.1:1", "--upstream", "a:1"]
    with pytest.raises(SystemExit):
        parse([*flags, "--protocol", spoken, "--upstream-protocol", sent])
    assert "SOFABolt is turned into no other protocol" in capsys.readouterr().err


def test_a_sidecar_is_told_who_it_is() -> None:
    settings = parse([*MESH, "--interface", "GET /x/{y}", "--interface", "POST /z"])
    assert isinstance(settings, MeshSettings)
    assert settings.console == ("wss://127.0.0.1:9443", "wss://127.0.0.1:9445")
    assert settings.interfaces == ("GET /x/{y}", "POST /z")
    assert settings.state_dir == Path("state")
    assert settings.address == "127.0.0.1:1"


def test_callers_may_be_told_another_address() -> None:
    settings = parse([*MESH, "--inbound", "0.0.0.0:1", "--advertise", "10.0.0.1:1"])
    assert isinstance(settings, MeshSettings)
    assert settings.address == "10.0.0.1:1"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--inbound", "0.0.0.0:1"], "--advertise"),
        (["--app", "bad!"], "is not a name"),
        (["--console", "http://a:1"], "write wss://HOST:PORT"),
        (["--listen", "127.0.0.1:1"], "leave them out"),
        (["--admin", "10.0.0.1:1"], "use a loopback address"),
    ],
)
def test_a_wrong_flag_says_what_to_do(
    more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse([*MESH, *more])
    assert end.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:80", "name.example:1"])
def test_an_address_reads_as_it_is_written(text: str) -> None:
    assert str(host_port(text)) == text
