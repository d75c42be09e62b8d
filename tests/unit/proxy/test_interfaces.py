"""Requests are counted under declared names, never under what a caller made up."""

from __future__ import annotations

import pytest

from proxy.interfaces import CACHE_LIMIT, OTHER, Interfaces, service_of

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


RPC = ("com.acme.Orders:1.0/create", "com.acme.Orders:1.0/*", "com.acme.Other/get", "GET /x")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/com.acme.Orders:1.0/create", "com.acme.Orders:1.0/create"),
        (b"/com.acme.Orders:1.0/cancel", "com.acme.Orders:1.0/*"),
        (b"/com.acme.Orders:1.0/", OTHER),
        (b"/com.acme.Orders:2.0/create", OTHER),
        (b"/comXacme.Other/get", OTHER),
        (b"/com.acme.Other/get", "com.acme.Other/get"),
        (b"/x", OTHER),
    ],
)
def test_an_operation_of_rpc_is_declared_as_service_and_method(path: bytes, name: str) -> None:
    assert Interfaces(RPC).name_of(b"POST", path) == name


def test_an_operation_of_rpc_says_its_service() -> None:
    services = [service_of(name) for name in (*RPC, "nonsense", "/x")]
    assert services == ["com.acme.Orders:1.0"] * 2 + ["com.acme.Other", "", "", ""]
