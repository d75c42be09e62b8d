"""The listeners besides the usual ones: one per application that is reached by TCP."""

from __future__ import annotations

from proxy.access_log import opened_log
from proxy.current import Current
from proxy.listener import Listener
from proxy.server import Server
from proxy.settings import HostPort, Spoken, TcpSettings
from proxy.tcp.routing import ToApplication


def spoken_at(protocol: Spoken, tcp: TcpSettings, *places: HostPort) -> Spoken:
    """What a listener takes its callers to speak: at a port whose servers speak first, TCP."""
    if protocol == "auto" and any(place.port in tcp.server_first for place in places):
        return "tcp"
    return protocol


async def open_beside(
    server: Server, outbound: Listener, current: Current, tcp: TcpSettings, log: str | None
) -> None:
    """Open what `tcp` asks for. Connections and counters are shared with `outbound`, which also
    sweeps the members that both use."""
    for name, place in tcp.doors:
        listener = Listener(
            name=f"tcp {name}",
            side="out",
            routing=outbound.routing,
            members=lambda: (),
            pools=outbound.pools,
            windows=outbound.windows,
            failures=outbound.failures,
            access_log=opened_log(log, f"tcp {name}"),
            limits=outbound.limits,
            speaks="tcp",
            tunnels=ToApplication(outbound.routing, name),
        )
        await server.open(listener, place)
