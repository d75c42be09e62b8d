"""The three sample applications: gateway sells, order records, stock knows what is left."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import Awaitable, Callable

import msgspec

from meshconsole.demo.http_client import CallFailed, Client
from meshconsole.demo.http_server import Request, Response, json_response

PASSED_ON = ("x-request-id", "traceparent", "tracestate")
PRICE_ROUNDS = 2200
"""Hash rounds of one price: about 2 ms of CPU on a common core."""


class Mesh:
    """Calls another application through this instance's own sidecar."""

    def __init__(self, outbound: Client) -> None:
        self._outbound = outbound

    async def call(
        self,
        cause: Request,
        app: str,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        extra: tuple[tuple[str, str], ...] = (),
    ) -> Response:
        """The other application's answer, or 502 when none came."""
        headers = [("host", app), *extra]
        headers += [(name, cause.headers[name]) for name in PASSED_ON if name in cause.headers]
        if body:
            headers.append(("content-type", "application/json"))
        try:
            answer = await self._outbound.call(method, path, headers=headers, body=body)
        except CallFailed as failure:
            return json_response(502, {"error": f"{app} did not answer: {failure}"})
        return Response(answer.status, answer.body, answer.headers.get("content-type", ""))


class Interface(msgspec.Struct, frozen=True):
    """One callable operation: its declared name and what carries it out."""

    name: str
    """`METHOD /path/{variable}`, as declared to the mesh."""
    run: Callable[[Request, Mesh], Awaitable[Response]]

    def pattern(self) -> re.Pattern[str]:
        """Matches `METHOD /path` of a request."""
        return re.compile(re.sub(r"\\\{[^}]*\\\}", r"[^/]+", re.escape(self.name)))


async def _checkout(request: Request, mesh: Mesh) -> Response:
    return await mesh.call(request, "order", "POST", "/orders", body=request.body or b"{}")


async def _browse(request: Request, mesh: Mesh) -> Response:
    number = int(hashlib.sha1(request.query.encode(), usedforsecurity=False).hexdigest()[:4], 16)
    return await mesh.call(request, "order", "GET", f"/orders/{number % 1000}")


async def _transfer(request: Request, mesh: Mesh) -> Response:
    body = request.body or b"{}"
    kind = (("type", "transfer"),)
    return await mesh.call(request, "order", "POST", "/transfers", body=body, extra=kind)


async def _order_create(request: Request, mesh: Mesh) -> Response:
    reserved = await mesh.call(request, "stock", "POST", "/reserve", body=request.body or b"{}")
    if reserved.status != 200:
        return reserved
    priced = await mesh.call(request, "stock", "POST", "/price", body=request.body or b"{}")
    if priced.status != 200:
        return priced
    return json_response(201, {"order": "accepted", "price": msgspec.json.decode(priced.body)})


async def _order_read(request: Request, mesh: Mesh) -> Response:
    return json_response(200, {"order": request.path.rpartition("/")[2], "state": "open"})


async def _order_transfer(request: Request, mesh: Mesh) -> Response:
    if request.headers.get("type") != "transfer":
        return json_response(400, {"error": "a transfer carries the header 'type: transfer'"})
    stock = await mesh.call(request, "stock", "GET", "/stock/A-1")
    if stock.status != 200:
        return stock
    return json_response(201, {"transfer": "accepted"})


async def _stock_read(request: Request, mesh: Mesh) -> Response:
    return json_response(200, {"sku": request.path.rpartition("/")[2], "left": 42})


async def _stock_reserve(request: Request, mesh: Mesh) -> Response:
    await asyncio.sleep(random.uniform(0.020, 0.050))  # noqa: S311 - a sample's latency
    return json_response(200, {"reserved": True})


async def _stock_price(request: Request, mesh: Mesh) -> Response:
    spent = hashlib.pbkdf2_hmac("sha256", request.body, b"price", PRICE_ROUNDS)
    return json_response(200, {"cents": 100 + int.from_bytes(spent[:2])})


APPS: dict[str, tuple[Interface, ...]] = {
    "gateway": (
        Interface("POST /checkout", _checkout),
        Interface("GET /browse", _browse),
        Interface("POST /transfer", _transfer),
    ),
    "order": (
        Interface("POST /orders", _order_create),
        Interface("GET /orders/{id}", _order_read),
        Interface("POST /transfers", _order_transfer),
    ),
    "stock": (
        Interface("GET /stock/{sku}", _stock_read),
        Interface("POST /reserve", _stock_reserve),
        Interface("POST /price", _stock_price),
    ),
}


def interfaces_of(app: str) -> tuple[str, ...]:
    """The interface names an application declares."""
    return tuple(interface.name for interface in APPS[app])
