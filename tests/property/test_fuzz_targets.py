"""The laws of every parser over mutated seeds: what `make fuzz` runs for longer."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import given, settings, strategies as st

from tests.fuzz import framed
from tests.fuzz.conversations import Broken, forwarded, heard
from tests.fuzz.mutation import PIECES, mutated, seeds
from tests.fuzz.targets import TARGETS

MANY = {"requests": 20_000, "answers": 5_000}
FEW = 3_000
LAW = settings(deadline=None, max_examples=100)
PLACES = st.lists(st.integers(0, 5000), max_size=8)


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(at)]


def _made_from(target: str) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from([*seeds(target), *PIECES]), min_size=1, max_size=4).map(
        b"".join
    )


@pytest.mark.parametrize("name", TARGETS)
def test_every_law_holds_for_mutated_seeds(name: str) -> None:
    for data in islice(mutated(name, seed=20), MANY.get(name, FEW)):
        TARGETS[name](data)


@LAW
@given(_made_from("requests"), PLACES)
def test_what_a_caller_says_is_forwarded_the_same_however_it_is_cut(
    data: bytes, places: list[int]
) -> None:
    whole = forwarded([data])
    assert forwarded(_cut(data, places)) == whole
    assert (
        forwarded([data[at : at + 1] for at in range(min(len(data), 2000))] + [data[2000:]])
        == whole
    )


@LAW
@given(_made_from("answers"), PLACES, st.sampled_from([b"GET", b"HEAD"]), st.booleans())
def test_what_an_origin_says_is_heard_the_same_however_it_is_cut(
    data: bytes, places: list[int], method: bytes, ends: bool
) -> None:
    whole = heard([data], method, 1, ends)
    assert heard(_cut(data, places), method, 1, ends) == whole


def test_a_law_that_is_broken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tests.fuzz.targets.spoken", lambda data: "tcp" if len(data) % 2 else "bolt"
    )
    with pytest.raises(Broken):
        TARGETS["sniffing"](b"GET / HTTP/1.1")


@pytest.mark.parametrize(
    ("name", "reading"),
    [("bolt", "_frames"), ("http2", "_events"), ("bolt-sessions", "_said")],
)
def test_a_cut_that_matters_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, reading: str
) -> None:
    read = getattr(framed, reading)
    monkeypatch.setattr(framed, reading, lambda *given: (len(given[-1]), read(*given)))
    with pytest.raises(Broken):
        TARGETS[name](b"\x02\0\1\0\2" + seeds(name)[0])
