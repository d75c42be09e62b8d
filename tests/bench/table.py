"""One figure of the bench: what was measured, against what it shall be."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A measured value; `limit` is at most, unless `at_least`."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the limit is kept; without one every value is."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def line(self) -> str:
        """As a row of the table."""
        sign = ">=" if self.at_least else "<="
        wanted = "" if self.limit is None else f"{sign} {self.limit:g}"
        word = "" if self.limit is None else ("ok" if self.ok else "SHORT")
        row = f"{self.name:44} {self.value:10.2f} {self.unit:9} {wanted:>9}  {word:5}"
        return f"{row}  {self.note}".rstrip()


def table(figures: Iterable[Figure]) -> str:
    """All rows."""
    return "\n".join(figure.line() for figure in figures)
