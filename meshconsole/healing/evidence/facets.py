"""Facets of a list as links: each value with the address that picks it, or lets it go again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from meshconsole.healing.evidence.selectors import Facet


@dataclass(frozen=True)
class Choice:
    """One value of a facet."""

    value: str
    word: str
    count: int
    is_current: bool
    query: str


@dataclass(frozen=True)
class FacetLinks:
    """One facet with its values."""

    name: str
    values: list[Choice]


def facet_links(
    request: HttpRequest, facets: Iterable[Facet], picked: Mapping[str, str]
) -> list[FacetLinks]:
    """The facets of the page that was asked for."""
    return [
        FacetLinks(
            facet.name,
            [
                Choice(
                    value=each.value,
                    word=each.value.replace("_", " ") if facet.name == "state" else each.value,
                    count=each.count,
                    is_current=each.value == picked[facet.name],
                    query=_query(request, facet.name, each.value, picked[facet.name]),
                )
                for each in facet.values
            ],
        )
        for facet in facets
    ]


def _query(request: HttpRequest, name: str, value: str, picked: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    query[name] = "" if value == picked else value
    return f"?{query.urlencode()}"
