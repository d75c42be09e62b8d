"""Lists of callers are read as people write them, and come back as they were."""

from __future__ import annotations

import pytest

from meshconsole.encryption.rules import rules_read, rules_written
from proxy.contract.snapshot import Caller

CALLERS = [Caller(app="order", unit="unit1"), Caller(unit="unit2"), Caller(app="web"), Caller()]


def test_what_is_written_reads_the_same() -> None:
    text = rules_written(CALLERS)
    assert text.splitlines() == ["app=order unit=unit1", "unit=unit2", "app=web", "any"]
    assert rules_read(text) == (CALLERS, [])


def test_blank_lines_order_and_the_word_allow_do_not_matter() -> None:
    text = "\n  ALLOW unit=unit1 app=order  \n\nallow\nallow any"
    assert rules_read(text) == ([CALLERS[0], Caller()], [])


@pytest.mark.parametrize(
    "line", ["order", "app=", "app=a app=b", "any app=a", "group=x", "app=a, unit=b extra", "="]
)
def test_a_line_that_is_no_rule_is_named_by_its_number(line: str) -> None:
    callers, (fault,) = rules_read(f"app=web\n{line}")
    assert callers == [Caller(app="web")]
    assert fault.startswith("Line 2 is no rule")
