"""A sample service does wrong exactly what it was told."""

from __future__ import annotations

import pytest

from meshconsole.demo.service.faults import Faults


def test_what_is_left_out_stays() -> None:
    faults = Faults()
    faults.take(b'{"fail": 0.5}')
    faults.take(b'{"slow_ms": 20}')
    assert (faults.fail, faults.slow_ms) == (0.5, 20)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"fail": 2}', b'{"slow_ms": -1}', b'{"fail": "x"}', b'{"unknown": 1}'],
)
def test_nonsense_is_refused_and_changes_nothing(body: bytes) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=r"."):
        faults.take(body)
    assert faults == Faults()
