"""How the links of a process stand, as its console is told."""

from __future__ import annotations

from collections.abc import Iterable
from time import time
from typing import TYPE_CHECKING

from proxy.contract.reports import LinkState
from proxy.contract.session import Gauges, Links

if TYPE_CHECKING:
    from proxy.assembly import Process
    from proxy.listener import Listener


def links_of(process: Process) -> Links:
    """What became of everything that was begun on a link, and what this sidecar is to its peers."""
    told = process.ledger.told()
    side, fallen_back = process.inbound, told.fallen_back
    state = side.state(fallen_back) if side is not None else LinkState(fallen_back=fallen_back)
    return Links(at=time(), state=state, edges=told.edges, forgotten=told.forgotten)


def gauges_of(listeners: Iterable[Listener]) -> Gauges:
    """Connections of this sidecar, both directions, by encryption."""
    plain = tls = 0
    for listener in listeners:
        members = listener.members()
        encrypted = sum(member.encrypted for member in members)
        callers_plain, callers_tls = listener.open_callers
        tls += callers_tls + encrypted
        plain += callers_plain + sum(member.opened for member in members) - encrypted
    return Gauges(plain_conns=plain, tls_conns=tls)
