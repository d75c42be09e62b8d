"""Silence is found out between the patience and a quarter more, and never while bytes pass."""

from __future__ import annotations

from hypothesis import given, strategies as st

from proxy.tcp.silence import CHECK_SECONDS, Silence

PATIENCE = 40.0


def looks(silence: Silence, marks: dict[float, int], until: float) -> float | None:
    """When it is found to be too long; `marks` says what has passed from when on."""
    mark = 0
    while silence.due <= until:
        now = silence.due
        mark = max((n for at, n in marks.items() if at <= now), default=0)
        if silence.is_too_long(now, mark, PATIENCE):
            return now
    return None


def begun() -> Silence:
    silence = Silence(10.0)
    silence.begin(0.0)
    return silence


def test_who_never_says_anything_is_found_out() -> None:
    assert looks(begun(), {}, 1000.0) == PATIENCE


@given(st.floats(0.1, 500.0))
def test_after_the_last_byte_it_takes_the_patience_and_a_quarter_at_most(last: float) -> None:
    marks = {at * last / 200: at for at in range(1, 201)}
    ended = looks(begun(), marks, 1000.0)
    assert ended is not None
    assert last - 1e-6 + PATIENCE <= ended <= last + PATIENCE * 1.25 + 1e-6


def test_it_is_looked_at_now_and_then_however_patient() -> None:
    silence = begun()
    assert not silence.is_too_long(0.0, 0, 3600.0)
    assert silence.due == CHECK_SECONDS
    assert not silence.is_too_long(10.0, 0, 0.4 + 10)
    assert silence.due < 10.0 + CHECK_SECONDS
