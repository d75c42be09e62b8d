"""Moving an application's TLS mode by the console, each step after sidecars have taken the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from meshconsole.drill.console import Refused
from meshconsole.drill.mesh import Mesh
from meshconsole.telemetry.links import Told
from proxy.contract.snapshot import TlsMode

UP: tuple[TlsMode, ...] = ("permissive", "preferred", "strict")
DOWN: tuple[TlsMode, ...] = ("preferred", "permissive", "plaintext")
STEP_SECONDS = 90.0
"""For sidecars to take a step, and for callers to follow it."""
_LOOK_SECONDS = 0.2


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One switchover, in one direction."""

    to: TlsMode
    seconds: float


class Switch:
    """Drives one application with its instances."""

    def __init__(self, mesh: Mesh, app: str, callees: frozenset[str]) -> None:
        self._mesh = mesh
        self._app = app
        self._callees = callees

    async def up(self) -> Way:
        """From plaintext to TLS and nothing else."""
        return await self._go(UP)

    async def down(self) -> Way:
        """From there to plaintext, in the safe order."""
        return await self._go(DOWN)

    async def _go(self, steps: tuple[TlsMode, ...]) -> Way:
        began = time.monotonic()
        for mode in steps:
            await asyncio.to_thread(self._put, mode)
            await self._until(mode, "have taken", partial(self._taken, mode))
            if mode == "preferred" and steps is UP:
                await self._until(mode, "are called by TLS alone", self._nobody_plain)
            if mode == "permissive" and steps is DOWN:
                await self._until(mode, "are called by plaintext alone", self._nobody_tls)
        return Way(to=steps[-1], seconds=round(time.monotonic() - began, 1))

    def _put(self, mode: TlsMode) -> None:
        path = f"/api/v1/applications/{self._app}/encryption"
        version = self._mesh.console.get(path)["version"]
        # What stands against strict counts ten minutes of plaintext; here a switch takes one.
        sure: dict[str, Any] = {"force": True, "confirm": self._app} if mode == "strict" else {}
        self._mesh.console.put(path, {"mode": mode, "reason": "a drill", **sure}, version=version)

    async def _until(
        self, mode: str, what: str, is_so: Callable[[Mapping[str, Told]], bool]
    ) -> None:
        ends = time.monotonic() + STEP_SECONDS
        while not is_so(told := await asyncio.to_thread(self._mesh.told)):
            if time.monotonic() > ends:
                states = {name: told[name].state for name in self._callees if name in told}
                raise Refused(
                    f"After {STEP_SECONDS:.0f} s not all of {self._app} {what} {mode}: {states}"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    def _taken(self, mode: TlsMode, told: Mapping[str, Told]) -> bool:
        return all(
            name in told
            and told[name].state.mode == mode
            and (told[name].state.ready or mode == "plaintext")
            for name in self._callees
        )

    def _nobody_plain(self, told: Mapping[str, Told]) -> bool:
        return all(
            name in told and not told[name].state.plain_connections for name in self._callees
        )

    def _nobody_tls(self, told: Mapping[str, Told]) -> bool:
        return all(name in told and not told[name].state.tls_connections for name in self._callees)
