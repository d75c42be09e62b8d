"""A process that was away blames nobody for what came too late meanwhile."""

from __future__ import annotations

import pytest

from proxy import failures
from proxy.failures import is_blameless, is_ours
from proxy.http1.heads import parse_response
from proxy.stall import ALLOWED_SECONDS, BEAT_SECONDS, Stall


def test_a_loop_that_beats_in_time_is_not_away() -> None:
    stall = Stall()
    for at in range(10):
        stall.beat(100.0 + at * BEAT_SECONDS, 0.01)
        assert not stall.is_on(100.0 + (at + 0.9) * BEAT_SECONDS)
    assert (stall.seen, stall.seconds) == (0, 0.0)


def test_a_beat_that_does_not_come_is_noticed_before_it_comes_and_for_a_moment_after() -> None:
    stall = Stall()
    stall.beat(100.0, 0.0)
    assert stall.is_on(100.0 + BEAT_SECONDS + ALLOWED_SECONDS + 0.01)
    stall.beat(105.0, 4.8)
    assert stall.is_on(105.1)
    stall.beat(105.2, 0.0)
    assert not stall.is_on(105.3)
    assert (stall.seen, stall.seconds) == (1, 4.8)


def test_without_a_beat_nobody_is_away() -> None:
    stall = Stall()
    assert not stall.is_on(1e9)
    stall.beat(100.0, 5.0)
    stall.stop()
    assert not stall.is_on(100.1)


class _Away(Stall):
    def blames_us(self) -> bool:
        return True


def test_only_what_came_too_late_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_ours("timeout", "it did not answer")
    assert is_ours("connect", "Too many open files")
    monkeypatch.setattr(failures, "STALL", _Away())
    assert is_ours("timeout", "it did not answer")
    assert is_ours("connect", "no connection within 1 s")
    assert not is_ours("connect", "Connection refused")
    assert not is_ours("5xx", "503")


@pytest.mark.parametrize(
    ("head", "blameless"),
    [
        (b"HTTP/1.1 503 No\r\n\r\n", False),
        (b"HTTP/1.1 501 No\r\n\r\n", True),
        (b"HTTP/1.1 503 No\r\nX-Mesh-Reject: adaptive; r=1\r\n\r\n", True),
        (b"HTTP/1.1 503 No\r\nX-Mesh-Flag: UO\r\n\r\n", True),
        (b"HTTP/1.1 503 No\r\nX-Mesh-Flag: UF\r\n\r\n", False),
        (b"HTTP/1.1 504 No\r\nX-Mesh-Flag: UT\r\n\r\n", False),
    ],
)
def test_an_answer_that_says_it_is_no_fault_is_none(head: bytes, blameless: bool) -> None:
    assert is_blameless(parse_response(head), (500, 502, 503, 504)) is blameless
