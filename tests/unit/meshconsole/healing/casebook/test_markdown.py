"""Nobody's words become markup of a report, and no cell breaks its table."""

from __future__ import annotations

import pytest

from meshconsole.healing.casebook.markdown import plain, table


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("a | b", r"a \| b"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("[click](https://evil.example)", r"\[click\](https://evil.example)"),
        ("![x](y)", r"\!\[x\](y)"),
        ("# not a title", r"\# not a title"),
        ("one\n\n## two\r\n| three", r"one \#\# two \| three"),
        ("`code` *bold* _soft_ ~gone~", r"\`code\` \*bold\* \_soft\_ \~gone\~"),
        ("back\\slash", r"back\\slash"),
        (None, "None"),
    ],
)
def test_words_stay_words_on_one_line(given: object, told: str) -> None:
    assert plain(given) == told


def test_a_table_without_rows_is_a_sentence() -> None:
    assert list(table(["A", "B"], [], "Nothing.")) == ["Nothing."]
    assert list(table(["A", "B"], [["1", "2"]], "Nothing.")) == [
        "| A | B |",
        "| --- | --- |",
        "| 1 | 2 |",
    ]
