"""Laws of the split: exact in the long run, sticky, and monotone when a share grows."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings, strategies as st

from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from proxy.current import Current
from proxy.http1.heads import parse_request
from proxy.steering.router import Router

KEYS = [hashlib.sha256(b"%d" % n).hexdigest()[:32].encode() for n in range(4000)]
REQUEST = parse_request(b"GET / HTTP/1.1\r\nHost: stock\r\n\r\n")


def _groups(shares: dict[str, float], rule: str = "rule") -> list[str]:
    groups = tuple(shares)
    service = Service(
        name="stock",
        endpoints=tuple(
            Endpoint(id=group, addr=f"127.0.0.1:{port}", group=group, unit="u")
            for port, group in enumerate(groups, 1)
        ),
        groups=groups,
    )
    split = tuple(Share(group=group, percent=percent) for group, percent in shares.items())
    route = Route(name="stock", version=1, rules=(Rule(id=rule, split=split),))
    current = Current()
    current.swap(Snapshot(service={"stock": service}, route={"stock": route}), 1)
    router = Router(current)
    return [router.choose(REQUEST, key).group for key in KEYS]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_raising_a_share_keeps_who_was_in(one: int, other: int) -> None:
    low, high = sorted((one / 100, other / 100))
    before = _groups({"base": 100 - low, "canary": low})
    after = _groups({"canary": high, "base": 100 - high})
    moved = [(b, a) for b, a in zip(before, after, strict=True) if b != a]
    assert set(moved) <= {("base", "canary")}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100))
def test_a_share_is_met_within_chance(percent: int) -> None:
    got = _groups({"a": 100.0 - percent, "b": float(percent)}).count("b") / len(KEYS) * 100
    assert abs(got - percent) < 4
    if percent in (0, 100):
        assert got == percent


def test_the_same_key_is_in_different_buckets_of_different_rules() -> None:
    shares = {"a": 50.0, "b": 50.0}
    same = sum(x == y for x, y in zip(_groups(shares), _groups(shares, "other"), strict=True))
    assert 0.4 < same / len(KEYS) < 0.6
