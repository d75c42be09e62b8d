"""A sidecar's inbound side in one piece: who is let in, whether TLS works, and how things stand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy import aio
from proxy.inbound.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.contract.reports import LinkState
    from proxy.current import Current
    from proxy.encryption.holder import Holder
    from proxy.inbound.selfcheck import SelfCheck
    from proxy.settings import MeshSettings
    from proxy.windows import Windows


class InboundSide:
    """Follows the snapshot in force from the moment it is made."""

    def __init__(
        self, settings: MeshSettings, current: Current, holder: Holder, windows: Windows
    ) -> None:
        self._current = current
        self._holder = holder
        self._windows = windows
        self._check: SelfCheck | None = None
        self.gate = Gate(settings.app, settings.instance, holder)
        current.watch(self._follow)
        self._follow()

    def begin_checks(self, address: Callable[[], tuple[str, int]]) -> asyncio.Task[None]:
        """Shake hands with the own port from now on; not in a worker, as its parent does."""
        from proxy.inbound.selfcheck import SelfCheck

        self._check = SelfCheck(self.gate, address)
        return aio.spawn(self._check.run(), name="shake hands with itself")

    def state(self, fallen_back: int = 0) -> LinkState:
        """What the console is told of it."""
        from proxy.inbound.state import link_state

        return link_state(self.gate, self._check, self._windows, fallen_back)

    def _follow(self) -> None:
        """Believe, and let in, what the snapshot in force says."""
        self._holder.follow(self._current.snapshot)
        self.gate.follow(self._current.snapshot)
