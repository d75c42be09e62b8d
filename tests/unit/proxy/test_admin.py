"""The admin door answers who stands on this machine, not the page that a browser shows there."""

from __future__ import annotations

import pytest

from proxy.admin import Admin, Door, json_page
from proxy.commandline import parse
from proxy.errors import Refusal
from proxy.http1.heads import parse_request
from proxy.settings import InvalidSettings, StandaloneSettings, is_loopback


def _asked(method: str, *lines: str) -> int:
    admin = Admin(
        {
            b"/config": Door(b"GET", lambda: json_page({})),
            b"/drain": Door(b"POST", lambda: json_page({}, 202)),
        }
    )
    path = "/drain" if method == "POST" else "/config"
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
    try:
        door = admin.door_of(parse_request(head.encode()))
        assert isinstance(door, Door)
        return door.page().status
    except Refusal as refusal:
        return refusal.status


@pytest.mark.parametrize("host", ["127.0.0.1:9901", "localhost:9901", "[::1]:9901", "127.8.0.1"])
def test_loopback_is_answered(host: str) -> None:
    assert _asked("GET", f"Host: {host}") == 200
    assert _asked("POST", f"Host: {host}") == 202


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:1", "10.0.0.1", "[::]"])
def test_a_name_that_somebody_pointed_here_is_refused(host: str) -> None:
    assert _asked("GET", f"Host: {host}") == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9901"])
def test_a_page_cannot_drain(origin: str) -> None:
    assert _asked("POST", "Host: 127.0.0.1:9901", f"Origin: {origin}") == 403


def test_a_name_that_only_begins_like_loopback_is_no_place_to_listen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "::1", "localhost"))
    alone = ["--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1", "--admin"]
    assert isinstance(parse([*alone, "127.0.0.1:0"]), StandaloneSettings)
    for place in ("127.0.0.1.example.com:9901", "0.0.0.0:9901", "10.0.0.1:9901"):
        with pytest.raises((SystemExit, InvalidSettings)):
            parse([*alone, place])
        assert "loopback" in capsys.readouterr().err
