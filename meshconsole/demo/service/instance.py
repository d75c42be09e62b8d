"""One running instance of a sample application: its interfaces, its faults and its ledger."""

from __future__ import annotations

import asyncio
import os
import random
import urllib.parse
from collections.abc import Callable

import msgspec

from meshconsole.demo.http_client import Client
from meshconsole.demo.http_server import Request, Response, json_response
from meshconsole.demo.service.apps import APPS, Mesh
from meshconsole.demo.service.faults import Faults
from meshconsole.demo.service.ledger import Ledger

DIED = 70
"""Exit code of an instance that was told to die."""


def die() -> None:
    """End the process as a crash would: no answer, no clean-up."""
    os._exit(DIED)


class Instance:
    """Answers the application's interfaces and, beside them, `/_control` and `/_count`."""

    def __init__(
        self, app: str, name: str, outbound: Client, *, on_die: Callable[[], None] = die
    ) -> None:
        self.app = app
        self.name = name
        self.faults = Faults()
        self.ledger = Ledger()
        self._mesh = Mesh(outbound)
        self._interfaces = [(each.pattern(), each) for each in APPS[app]]
        self._on_die = on_die
        self._dice = random.Random()  # noqa: S311 - which request fails is no secret

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        if request.path.startswith("/_"):
            return self._operate(request)
        target = f"{request.method} {request.path}"
        for pattern, interface in self._interfaces:
            if pattern.fullmatch(target):
                self.ledger.note(interface.name, request.headers.get("x-request-id", ""))
                if self.faults.slow_ms:
                    await asyncio.sleep(self.faults.slow_ms / 1000)
                if self.faults.fail and self._dice.random() < self.faults.fail:
                    return json_response(500, {"error": f"{self.name} was told to fail"})
                return await interface.run(request, self._mesh)
        return json_response(404, {"error": f"{self.app} has no interface {target}"})

    def _operate(self, request: Request) -> Response:
        match (request.method, request.path):
            case ("GET", "/_health"):
                return json_response(200, {"app": self.app, "instance": self.name})
            case ("GET", "/_count"):
                return self._count(request.query)
            case ("POST", "/_count/reset"):
                self.ledger.reset()
                return json_response(200, {"reset": True})
            case ("GET", "/_control"):
                return Response(200, msgspec.json.encode(self.faults))
            case ("POST", "/_control"):
                return self._control(request.body)
        return json_response(404, {"error": "try /_health, /_count, /_count/reset or /_control"})

    def _count(self, query: str) -> Response:
        run = urllib.parse.parse_qs(query).get("run")
        if run:
            return json_response(200, {"run": run[0], "interfaces": self.ledger.run(run[0])})
        return Response(200, msgspec.json.encode(self.ledger.tally()))

    def _control(self, body: bytes) -> Response:
        try:
            control = self.faults.take(body)
        except ValueError as error:
            return json_response(400, {"error": str(error)})
        if control.die:
            asyncio.get_running_loop().call_later(0.01, self._on_die)
        return Response(200, msgspec.json.encode(self.faults))
