"""Each gate at its bound and above it; what is not known is no pass."""

from __future__ import annotations

from typing import Any

import pytest

from meshconsole.rollouts.facts import HARD, METRICS, Cost, Facts, Finding, Handshakes
from meshconsole.rollouts.gates import judge


def said(metric: str, **facts: Any) -> Finding:
    (found,) = judge(Facts(**facts), [metric])
    return found


@pytest.mark.parametrize(
    ("metric", "facts", "verdict"),
    [
        ("cut", {"cut": 0, "cut_of": 10}, "pass"),
        ("cut", {"cut": 1, "cut_of": 10**6}, "fail"),
        ("handshakes", {"handshakes": Handshakes(opened=10, failed=2, worst_failed=2)}, "pass"),
        ("handshakes", {"handshakes": Handshakes(opened=10, failed=3, worst_failed=3)}, "fail"),
        ("handshakes", {"handshakes": Handshakes(opened=10, failed=6, worst_failed=2)}, "pass"),
        ("handshakes", {"handshakes": Handshakes(opened=3000, failed=4, worst_failed=2)}, "fail"),
        ("handshakes", {"handshakes": Handshakes(opened=5000, failed=4, worst_failed=2)}, "pass"),
        ("plaintext", {"plaintext_share": 0.0}, "pass"),
        ("plaintext", {"plaintext_share": 0.0001}, "fail"),
        ("acks", {"acked": 3, "expected": 3}, "pass"),
        ("acks", {"acked": 2, "expected": 3, "missing": ("order-3",)}, "fail"),
        ("ejections", {"ejections": 1}, "pass"),
        ("ejections", {"ejections": 2}, "fail"),
        ("ejections", {"ejections": 3, "control_ejections": 2}, "pass"),
        ("memory", {"memory_per_connection": Cost(before=100, now=120)}, "pass"),
        ("memory", {"memory_per_connection": Cost(before=100, now=121)}, "fail"),
        ("cpu", {"cpu_per_request": Cost(before=1, now=1.2)}, "fail"),
        (
            "cpu",
            {"cpu_per_request": Cost(before=1, now=1.2, control_before=1, control_now=1.15)},
            "pass",
        ),
    ],
)
def test_a_gate_at_its_bound_and_above(metric: str, facts: dict[str, Any], verdict: str) -> None:
    found = said(metric, **facts)
    assert (found.verdict, found.is_hard) == (verdict, metric in HARD)


def test_plaintext_that_strict_refused_asks_for_a_look_and_takes_nothing_back() -> None:
    found = said("plaintext", plaintext_share=0.0, plain_refused=2, plain_sources=("10.0.0.9",))
    assert found.verdict == "inconclusive"
    assert found.sentence.startswith(
        "2 connections in plaintext refused since the wave began, the latest from 10.0.0.9."
    )
    assert said("plaintext", plain_refused=1).verdict == "inconclusive"
    assert said("plaintext", plaintext_share=0.1, plain_refused=1).verdict == "fail"


def test_who_has_not_acked_is_named() -> None:
    missing = tuple(f"order-{n}" for n in range(8))
    found = said("acks", acked=2, expected=10, missing=missing)
    assert "2 of 10" in found.sentence
    assert "order-4 and 3 more" in found.sentence


def test_what_is_not_known_is_inconclusive_where_it_is_needed_and_silent_where_it_is_not() -> None:
    found = judge(Facts(), METRICS, needed=("cut", "error_rate"))
    assert [(one.metric, one.verdict) for one in found] == [
        ("error_rate", "inconclusive"), ("cut", "inconclusive"),
    ]  # fmt: skip


def test_only_the_metrics_that_are_asked_for_are_judged() -> None:
    found = judge(Facts(cut=1, acked=0, expected=1), ["acks"], needed=("cut",))
    assert [one.metric for one in found] == ["acks"]


@pytest.mark.parametrize(
    ("metric", "facts"),
    [
        ("cut", {"cut": 0, "alone_cut": 1, "alone": "shop-1"}),
        (
            "handshakes",
            {"handshakes": Handshakes(opened=0, failed=9, worst_failed=9, alone="shop-1")},
        ),
        ("ejections", {"ejections": 1, "alone_ejections": 1, "alone_ejector": "shop-1"}),
    ],
)
def test_what_one_caller_alone_says_is_no_verdict_and_names_it(
    metric: str, facts: dict[str, Any]
) -> None:
    found = said(metric, **facts)
    assert found.verdict == "inconclusive"
    assert "shop-1" in found.sentence
    assert "which nobody else has seen" in found.sentence


def test_what_is_believed_fails_whatever_one_caller_says_beside_it() -> None:
    assert said("cut", cut=1, alone_cut=1, alone="shop-1").verdict == "fail"
    assert said("ejections", ejections=2, alone_ejections=1, alone_ejector="a").verdict == "fail"


def test_the_word_of_some_is_no_pass_and_a_failure_all_the_same() -> None:
    fine = Facts(cut=0, handshakes=Handshakes(opened=9, failed=0), untold=("order-2", "order-3"))
    found = judge(fine, METRICS, needed=("cut", "handshakes"))
    assert [(one.metric, one.verdict) for one in found] == [
        ("cut", "inconclusive"), ("handshakes", "inconclusive"),
    ]  # fmt: skip
    assert "not told by order-2, order-3" in found[0].sentence
    assert judge(fine, METRICS) == []
    assert said("cut", cut=1, untold=("order-2",)).verdict == "fail"
