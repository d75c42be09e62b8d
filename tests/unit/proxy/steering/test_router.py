"""The router finds an application by its Host and a group by its rule."""

from __future__ import annotations

from typing import Literal

import pytest

from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from proxy.current import Choice, Current
from proxy.errors import Refusal
from proxy.http1.heads import Request, parse_request
from proxy.rpc.heads import FramedRequest
from proxy.steering.router import HOSTS_LIMIT, Router


def _request(host: str, *lines: str) -> Request:
    more = "".join(f"{line}\r\n" for line in lines)
    return parse_request(f"GET / HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())


def _snapshot(
    *rules: Rule, groups: tuple[str, ...] = ("one", "two"), routed: bool = True
) -> Snapshot:
    service = Service(
        name="Stock_1",
        endpoints=(
            Endpoint(id="a", addr="127.0.0.1:1", group="one", unit="u"),
            Endpoint(id="b", addr="127.0.0.1:2", group="one", unit="u"),
        ),
        groups=groups,
    )
    route = {"Stock_1": Route(name="Stock_1", version=1, rules=rules)} if routed else {}
    return Snapshot(service={"Stock_1": service}, route=route)


def _rule(on_empty: Literal["fail", "origin"] = "fail", **shares: float) -> Rule:
    split = tuple(Share(group=group, percent=percent) for group, percent in shares.items())
    return Rule(id="r", split=split, on_empty=on_empty)


def _choose(snapshot: Snapshot, request: Request, trace: bytes = b"t") -> Choice:
    current = Current()
    current.swap(snapshot, 1)
    return Router(current).choose(request, trace)


@pytest.mark.parametrize(
    "host", ["Stock_1", "stock_1", "STOCK_1:80", "stock_1.mesh", "Stock_1.mesh:8080", "stock_1."]
)
def test_an_application_is_found_by_its_name_however_it_is_spelled(host: str) -> None:
    assert _choose(_snapshot(routed=False), _request(host)).target.service.name == "Stock_1"


@pytest.mark.parametrize("host", ["stock", "stock_1.other", "[::1]", "127.0.0.1"])
def test_a_stranger_has_no_route(host: str) -> None:
    with pytest.raises(Refusal) as refusal:
        _choose(_snapshot(), _request(host))
    assert (refusal.value.status, refusal.value.flag) == (404, "NR")


def test_without_a_route_every_endpoint_may_answer() -> None:
    assert len(_choose(_snapshot(routed=False), _request("stock_1")).members) == 2


def test_an_empty_group_fails_unless_the_rule_says_origin() -> None:
    with pytest.raises(Refusal) as refusal:
        _choose(_snapshot(_rule(two=100)), _request("stock_1"))
    assert (refusal.value.status, refusal.value.flag) == (503, "UH")
    chosen = _choose(_snapshot(_rule("origin", two=100)), _request("stock_1"))
    assert len(chosen.members) == 2


def test_a_sticky_key_decides_before_the_trace() -> None:
    service = Service(
        name="stock",
        endpoints=(
            Endpoint(id="a", addr="127.0.0.1:1", group="one", unit="u"),
            Endpoint(id="b", addr="127.0.0.1:2", group="two", unit="u"),
        ),
        groups=("one", "two"),
    )
    route = Route(name="stock", version=1, rules=(_rule(one=50, two=50),))
    current = Current()
    current.swap(Snapshot(service={"stock": service}, route={"stock": route}), 1)
    router = Router(current)
    sticky = _request("stock", "x-mesh-sticky: user-1")
    traces = [b"%032x" % n for n in range(50)]
    assert len({router.choose(sticky, trace).group for trace in traces}) == 1
    plain = _request("stock")
    assert {router.choose(plain, trace).group for trace in traces} == {"one", "two"}


def test_a_swap_is_seen_by_the_next_request() -> None:
    current = Current()
    current.swap(_snapshot(_rule(one=100)), 1)
    router = Router(current)
    assert router.choose(_request("stock_1"), b"t").group == "one"
    current.swap(Snapshot(), 2)
    with pytest.raises(Refusal):
        router.choose(_request("stock_1"), b"t")


def test_spellings_of_host_that_are_remembered_are_bounded() -> None:
    current = Current()
    current.swap(_snapshot(routed=False), 1)
    router = Router(current)
    for port in range(HOSTS_LIMIT + 10):
        router.choose(_request(f"stock_1:{port}"), b"t")
    assert len(router._plans) <= HOSTS_LIMIT


def _framed(service: bytes, app: bytes = b"") -> FramedRequest:
    return FramedRequest(b"", app=app, service=service, target=b"/", headers={})


def _declaring(**interfaces: str) -> Snapshot:
    endpoint = Endpoint(id="a", addr="127.0.0.1:1", group="one", unit="u")
    return Snapshot(
        service={
            app: Service(name=app, endpoints=(endpoint,), groups=("one",), interfaces=(name,))
            for app, name in interfaces.items()
        }
    )


def test_a_framed_request_goes_to_the_application_that_declares_its_service() -> None:
    snapshot = _declaring(orders="a.Orders:1.0/create", stock="a.Stock:1.0/*", web="GET /a.Web/x")
    assert _choose(snapshot, _framed(b"a.Stock:1.0")).target.service.name == "stock"
    assert _choose(snapshot, _framed(b"a.Orders:1.0")).target.service.name == "orders"
    named = _framed(b"a.Stock:1.0", app=b"orders")
    assert _choose(snapshot, named).target.service.name == "orders"


@pytest.mark.parametrize(
    ("service", "says"),
    [
        (b"a.None:1.0", "No application declares an interface of the service 'a.None:1.0'"),
        (b"a.stock:1.0", "No application declares"),
        (b"", "No application declares"),
        (b"a.Both:1.0", "declared by 'one' and 'two': name the application"),
    ],
)
def test_a_service_that_is_nobodys_or_more_than_ones_has_no_route(
    service: bytes, says: str
) -> None:
    snapshot = _declaring(
        one="a.Both:1.0/x", two="a.Both:1.0/y", stock="a.Stock:1.0/*", web="GET /a.Web/x"
    )
    with pytest.raises(Refusal, match=says) as refusal:
        _choose(snapshot, _framed(service))
    assert refusal.value.flag == "NR"


def test_a_service_is_unknown_while_there_is_no_snapshot() -> None:
    with pytest.raises(Refusal, match="no snapshot yet"):
        Router(Current()).choose(_framed(b"a.B"), b"t")
