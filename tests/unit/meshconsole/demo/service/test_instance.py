"""A sample instance answers its interfaces, passes the ids on, and obeys."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from meshconsole.demo.http_client import Answer, CallFailed, Client
from meshconsole.demo.http_server import Request
from meshconsole.demo.service.instance import Instance


class Sidecar(Client):
    """Answers every call with 200 and remembers it; told to, it does not answer."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 1)
        self.calls: list[tuple[str, str, dict[str, str]]] = []
        self.mute = False

    async def call(self, method: str, path: str, **rest: Any) -> Answer:
        if self.mute:
            raise CallFailed("muted")
        self.calls.append((method, path, dict(rest["headers"])))
        return Answer(200, {"content-type": "application/json"}, b'{"cents": 5}')


def request(method: str, target: str, body: bytes, headers: dict[str, str]) -> Request:
    path, _, query = target.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, query, named, body)


async def ask(
    instance: Instance, method: str, target: str, body: bytes = b"", **headers: str
) -> tuple[int, Any]:
    response = await instance.handle(request(method, target, body, headers))
    return response.status, json.loads(response.body)


async def test_the_gateway_calls_order_with_the_same_ids() -> None:
    sidecar = Sidecar()
    gateway = Instance("gateway", "gateway-1", sidecar)
    status, _ = await ask(gateway, "GET", "/browse", x_request_id="a.7", traceparent="00-1-2-01")
    assert status == 200
    method, path, headers = sidecar.calls[0]
    assert method == "GET"
    assert path.startswith("/orders/")
    assert headers == {"host": "order", "x-request-id": "a.7", "traceparent": "00-1-2-01"}


async def test_a_transfer_says_so_in_a_header() -> None:
    sidecar = Sidecar()
    await ask(Instance("gateway", "gateway-1", sidecar), "POST", "/transfer", b"{}")
    assert sidecar.calls[0][2]["type"] == "transfer"
    order = Instance("order", "order-1", sidecar)
    assert (await ask(order, "POST", "/transfers"))[0] == 400
    assert (await ask(order, "POST", "/transfers", type="transfer"))[0] == 201


async def test_an_order_is_reserved_and_priced() -> None:
    sidecar = Sidecar()
    status, answer = await ask(Instance("order", "order-1", sidecar), "POST", "/orders")
    assert status == 201
    assert answer["price"] == {"cents": 5}
    assert [path for _, path, _ in sidecar.calls] == ["/reserve", "/price"]


async def test_stock_reserves_and_prices() -> None:
    stock = Instance("stock", "stock-1", Sidecar())
    assert (await ask(stock, "GET", "/stock/A-1"))[1] == {"sku": "A-1", "left": 42}
    assert (await ask(stock, "POST", "/reserve"))[0] == 200
    assert (await ask(stock, "POST", "/price", b"{}"))[1]["cents"] >= 100


async def test_a_sidecar_that_does_not_answer_is_502() -> None:
    sidecar = Sidecar()
    sidecar.mute = True
    assert (await ask(Instance("gateway", "gateway-1", sidecar), "GET", "/browse"))[0] == 502


async def test_told_to_fail_every_request_fails_and_is_still_counted() -> None:
    stock = Instance("stock", "stock-1", Sidecar())
    assert (await ask(stock, "POST", "/_control", b'{"fail": 1}'))[0] == 200
    assert (await ask(stock, "GET", "/stock/A-1", x_request_id="a.1"))[0] == 500
    assert (await ask(stock, "GET", "/_count"))[1]["count"] == 1
    run = (await ask(stock, "GET", "/_count?run=a"))[1]
    assert list(run["interfaces"]) == ["GET /stock/{sku}"]
    await ask(stock, "POST", "/_count/reset")
    assert (await ask(stock, "GET", "/_count"))[1]["count"] == 0


async def test_told_to_die_it_dies() -> None:
    died = asyncio.Event()
    stock = Instance("stock", "stock-1", Sidecar(), on_die=died.set)
    await ask(stock, "POST", "/_control", b'{"die": true}')
    await asyncio.wait_for(died.wait(), 5)


@pytest.mark.parametrize("target", ["/nowhere", "/_nothing", "/stock/a/b"])
async def test_what_is_not_there_is_404_and_not_counted(target: str) -> None:
    stock = Instance("stock", "stock-1", Sidecar())
    assert (await ask(stock, "GET", target))[0] == 404
    assert stock.ledger.tally().count == 0


async def test_nonsense_told_is_400() -> None:
    assert (await ask(Instance("stock", "stock-1", Sidecar()), "POST", "/_control", b"x"))[0] == 400
