"""Who may take over, and what is said to who may not."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from proxy.handover import terms
from proxy.handover.door import check_place
from proxy.handover.words import VERSION, Given, Hello, Ready
from proxy.settings import InvalidSettings
from proxy.sockets import Bound

HELLO = Hello(version=VERSION)


def test_a_process_that_says_hello_may_take_over() -> None:
    assert terms.refusal(HELLO, taker=0, draining=False, files=4) == ""


def test_another_version_is_told_to_stop_the_old_one_first() -> None:
    why = terms.refusal(Hello(version=9), taker=0, draining=False, files=1)
    assert f"version {VERSION}" in why
    assert "version 9" in why
    assert "stop the old one" in why


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"taker": 77}, "Process 77"),
        ({"draining": True}, "drains already"),
        ({"files": 300}, "300 listening sockets"),
    ],
)
def test_every_other_reason_is_a_sentence(facts: dict[str, Any], word: str) -> None:
    why = terms.refusal(HELLO, **({"taker": 0, "draining": False, "files": 1} | facts))
    assert word in why


def test_hello_comes_first() -> None:
    assert "hello" in terms.refusal(Ready(), taker=0, draining=False, files=1)


def test_the_offer_counts_the_sockets_of_each_listener() -> None:
    sockets = tuple(socket.socket() for _ in range(3))
    bound = [Bound("in", "h:1", sockets[:2]), Bound("out", "h:2", sockets[2:])]
    assert terms.given(bound) == (Given("in", "h:1", 2), Given("out", "h:2", 1))
    for one in sockets:
        one.close()


@pytest.mark.parametrize(
    ("ready", "old", "may"),
    [(True, True, True), (False, True, False), (False, False, True), (True, False, True)],
)
def test_who_takes_over_is_as_good_as_who_was_there(ready: bool, old: bool, may: bool) -> None:
    assert terms.may_serve(ready=ready, old_was_ready=old) is may


def test_a_folder_that_others_reach_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(InvalidSettings, match="mode 0700"):
        check_place(tmp_path / "door")
    tmp_path.chmod(0o700)
    check_place(tmp_path / "door")


def test_a_folder_that_is_not_there_is_made_for_this_user_alone(tmp_path: Path) -> None:
    check_place(tmp_path / "made" / "door")
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_a_path_too_long_for_the_kernel_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="too long"):
        check_place(tmp_path / ("x" * 120))
