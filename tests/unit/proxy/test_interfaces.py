"""Requests are counted under declared names, never under what a caller made up."""

from __future__ import annotations

import pytest

from proxy.interfaces import CACHE_LIMIT, OTHER, Interfaces

DECLARED = ("GET /stock/{sku}", "GET /stock/all", "POST /transfer", "GET /a.b/{x}/c/{y}")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        (b"GET", b"/stock/42", "GET /stock/{sku}"),
        (b"GET", b"/stock/all", "GET /stock/all"),
        (b"POST", b"/transfer", "POST /transfer"),
        (b"GET", b"/a.b/1/c/2", "GET /a.b/{x}/c/{y}"),
        (b"GET", b"/aXb/1/c/2", OTHER),
        (b"GET", b"/stock/", OTHER),
        (b"GET", b"/stock/1/2", OTHER),
        (b"PUT", b"/transfer", OTHER),
        (b"GET", b"/transfer", OTHER),
    ],
)
def test_a_request_has_one_name(method: bytes, path: bytes, name: str) -> None:
    interfaces = Interfaces(DECLARED)
    assert interfaces.name_of(method, path) == name
    assert interfaces.name_of(method, path) == name


def test_nothing_declared_is_all_other() -> None:
    assert Interfaces(()).name_of(b"GET", b"/") == OTHER


def test_what_is_remembered_is_bounded() -> None:
    interfaces = Interfaces(DECLARED)
    for n in range(CACHE_LIMIT + 10):
        interfaces.name_of(b"GET", b"/stock/%d" % n)
    assert len(interfaces._cache) <= CACHE_LIMIT
