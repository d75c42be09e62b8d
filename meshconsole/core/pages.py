"""What every page view needs: a span of time, a page of a list, and figures that may be missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from meshconsole.core.errors import Degraded

ROWS_PER_PAGE = 50
SEARCH_LENGTH = 200

_T = TypeVar("_T")


@dataclass(frozen=True)
class Range:
    """One choice of the time-range picker."""

    minutes: int
    word: str
    is_current: bool


RANGES = ((1, "1m"), (5, "5m"), (15, "15m"), (60, "1h"))


def minutes_of(request: HttpRequest, default: int = 5) -> int:
    """The span asked for, one of those that are offered."""
    given = request.GET.get("minutes", "")
    return next((minutes for minutes, _ in RANGES if str(minutes) == given), default)


def ranges(current: int) -> list[Range]:
    """The choices, with the one in force marked."""
    return [Range(minutes, word, minutes == current) for minutes, word in RANGES]


def search_of(request: HttpRequest, name: str = "q") -> str:
    """What was typed to search, cut to what is sensible."""
    return request.GET.get(name, "").replace("\x00", "").strip()[:SEARCH_LENGTH]


def page_of(
    rows: QuerySet[Model] | Sequence[Any], request: HttpRequest, size: int = ROWS_PER_PAGE
) -> Page[Any]:
    """The page that the address asks for; the nearest there is when it asks for none of them."""
    return Paginator(rows, size).get_page(request.GET.get("page"))


def live(read: Callable[[], _T]) -> _T | None:
    """Figures from Redis, or None while it does not answer: the page then says degraded."""
    try:
        return read()
    except Degraded:
        return None
