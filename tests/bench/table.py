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
    more: dict[str, float] = {}
    """What was seen beside it, by name and unit."""

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
        row = f"{self.name:44} {self.value:10.2f} {self.unit:12} {wanted:>9}  {word:5}"
        return f"{row}  {self.beside()}".rstrip()

    def beside(self) -> str:
        """What was seen beside it, and the note."""
        more = [
            f"{value:,.{0 if value >= 100 else 2}f} {name}" for name, value in self.more.items()
        ]
        return ", ".join([*more, self.note] if self.note else more)

    def cells(self) -> str:
        """As a row of a table in Markdown."""
        sign = ">=" if self.at_least else "<="
        wanted = "" if self.limit is None else f"{sign} {self.limit:g}"
        word = "" if self.limit is None else ("ok" if self.ok else "**short**")
        return (
            f"| {self.name.strip()} | {self.value:,.2f} {self.unit} | {wanted} | {word} "
            f"| {self.beside()} |"
        )


def table(figures: Iterable[Figure]) -> str:
    """All rows."""
    return "\n".join(figure.line() for figure in figures)


def markdown(figures: Iterable[Figure]) -> str:
    """All rows, for a page."""
    head = ["| what | measured | wanted | | beside it |", "| --- | ---: | --- | --- | --- |"]
    return "\n".join([*head, *(figure.cells() for figure in figures)])


def values(figures: Iterable[Figure]) -> dict[str, float]:
    """Every number by its name, what was seen beside it too."""
    found: dict[str, float] = {}
    for figure in figures:
        name = figure.name.strip()
        found[name] = round(figure.value, 3)
        found |= {f"{name}, {beside}": round(value, 3) for beside, value in figure.more.items()}
    return found
