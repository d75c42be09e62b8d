"""A key stays where it is: the ring and Maglev's table when members and weights change."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from proxy.balancing.keys import place_of
from proxy.balancing.maglev import Maglev
from proxy.balancing.ring import MEMBERS_IN_FULL, Ring, points_of

KEYS = [place_of(b"key-%d" % n) for n in range(4000)]
names = st.lists(
    st.text("abcdefghij-0123456789", min_size=1, max_size=12), min_size=2, max_size=12, unique=True
)
AS_FINE = 0.06
"""Of Maglev's keys, how many may move that need not when one of at most twelve members goes."""


def _owners(hashed: Ring | Maglev, ids: list[str]) -> list[str]:
    return [ids[next(hashed.walk(key))] for key in KEYS]


@settings(max_examples=30, deadline=None)
@given(names, st.data())
def test_a_ring_moves_only_the_keys_of_who_goes(ids: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(ids))
    left = [name for name in ids if name != gone]
    before = _owners(Ring(ids, [100] * len(ids)), ids)
    after = _owners(Ring(left, [100] * len(left)), left)
    assert {was for was, now in zip(before, after, strict=True) if was != now} <= {gone}


@settings(max_examples=30, deadline=None)
@given(names, st.data())
def test_who_comes_to_a_ring_takes_keys_and_nobody_else_does(
    ids: list[str], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.integers(1, 128), min_size=len(ids), max_size=len(ids)))
    weights[0] = 128
    before = _owners(Ring(ids[:-1], weights[:-1]), ids)
    after = _owners(Ring(ids, weights), ids)
    assert {now for was, now in zip(before, after, strict=True) if was != now} <= {ids[-1]}


@settings(max_examples=10, deadline=None)
@given(names, st.data())
def test_maglev_moves_few_keys_of_others(ids: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(ids))
    left = [name for name in ids if name != gone]
    before = _owners(Maglev(ids, [100] * len(ids)), ids)
    after = _owners(Maglev(left, [100] * len(left)), left)
    astray = sum(was not in (now, gone) for was, now in zip(before, after, strict=True))
    assert astray <= AS_FINE * len(KEYS)


@pytest.mark.parametrize(("kind", "tolerance"), [(Ring, 0.35), (Maglev, 0.1)])
@settings(max_examples=15, deadline=None)
@given(weights=st.lists(st.sampled_from([0, 50, 100, 200]), min_size=2, max_size=6))
def test_weights_are_kept(kind: type[Ring | Maglev], tolerance: float, weights: list[int]) -> None:
    ids = [f"stock-{n}" for n in range(len(weights))]
    hashed = kind(ids, weights)
    counted = Counter(next(hashed.walk(key)) for key in KEYS) if any(weights) else Counter[int]()
    for at, weight in enumerate(weights):
        if not weight:
            assert counted[at] == 0
            assert at not in set(hashed.walk(0))
        else:
            meant = len(KEYS) * weight / sum(weights)
            assert abs(counted[at] - meant) <= tolerance * meant + 60


@pytest.mark.parametrize("kind", [Ring, Maglev])
@settings(max_examples=15, deadline=None)
@given(ids=names, key=st.binary(max_size=20))
def test_a_walk_meets_every_member_and_ends(
    kind: type[Ring | Maglev], ids: list[str], key: bytes
) -> None:
    hashed = kind(ids, [100] * len(ids))
    walked = list(hashed.walk(place_of(key)))
    assert len(walked) == len(hashed)
    assert set(walked) == set(range(len(ids)))


@pytest.mark.parametrize("kind", [Ring, Maglev])
def test_nobody_owns_nothing(kind: type[Ring | Maglev]) -> None:
    assert list(kind([], []).walk(5)) == []
    assert list(kind(["a"], [0]).walk(5)) == []


def test_points_are_bounded_however_many_members_there_are() -> None:
    for n in (1, MEMBERS_IN_FULL, 2 * MEMBERS_IN_FULL, 1000, 5000):
        points = points_of([100] * n)
        assert set(points) == {points[0]}
        assert 1 <= sum(points) <= 16384


def test_a_key_has_the_same_place_in_every_sidecar() -> None:
    assert place_of(b"account-7") == 1664758324357929914
    ids = ["stock-1", "stock-2", "stock-3"]
    assert [next(Ring(ids, [100] * 3).walk(place_of(b"%d" % n))) for n in range(8)] == [
        1,
        2,
        1,
        1,
        2,
        0,
        1,
        1,
    ]
    assert [next(Maglev(ids, [100] * 3).walk(place_of(b"%d" % n))) for n in range(8)] == [
        0,
        2,
        0,
        1,
        2,
        0,
        0,
        1,
    ]
