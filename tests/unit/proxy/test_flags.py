"""Each response flag that is said anywhere is in the table, with its meaning."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.flags import FLAGS, MEANING

SOURCES = (Path(__file__).parents[3] / "proxy").rglob("*.py")
_REFUSAL = re.compile(r'Refusal\(\s*[\w.]+,\s*"([A-Z]+)"')
_SAID = re.compile(r'(?:flag(?:: \w+)?(?: ==?|=)|caller_left\()\s*"([A-Z]+)"')


def test_every_flag_has_a_meaning_and_no_meaning_is_without_a_flag() -> None:
    assert set(FLAGS) == set(MEANING)
    assert all(text.endswith(".") for text in MEANING.values())


def test_every_flag_that_is_said_is_in_the_table() -> None:
    said: set[str] = set()
    for path in SOURCES:
        text = path.read_text()
        said.update(_REFUSAL.findall(text), _SAID.findall(text))
    assert said >= {"NR", "UH", "UO", "UF", "UC", "UT", "UPE", "DC", "SI", "URX"}
    assert said <= set(FLAGS)
