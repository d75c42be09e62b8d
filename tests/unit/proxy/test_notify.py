"""A service manager is told in its own words, and nobody is when there is none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from proxy.notify import READY, STOPPING, main_process, notify


def test_the_words_come_in_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(place))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place))
        notify(READY, main_process(7))
        assert manager.recv(100) == b"READY=1\nMAINPID=7"
        notify(STOPPING)
        assert manager.recv(100) == b"STOPPING=1"


def test_an_abstract_socket_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0mesh-test-notify")
        monkeypatch.setenv("NOTIFY_SOCKET", "@mesh-test-notify")
        notify(READY)
        assert manager.recv(100) == b"READY=1"


def test_a_manager_that_is_gone_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify(READY)
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify(READY)
