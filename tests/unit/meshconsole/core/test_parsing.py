"""Depth has a bound that needs no recursion to find."""

from __future__ import annotations

from typing import Any

import pytest

from meshconsole.core.parsing import DEPTH_LIMIT, check_depth


def _nested(depth: int) -> Any:
    value: Any = 1
    for at in range(depth):
        value = [value] if at % 2 else {"a": value}
    return value


def test_the_limit_is_allowed_and_one_more_is_not() -> None:
    check_depth(_nested(DEPTH_LIMIT))
    with pytest.raises(ValueError, match="nested"):
        check_depth(_nested(DEPTH_LIMIT + 1))
