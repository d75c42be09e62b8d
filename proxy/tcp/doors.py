"""The listeners besides the usual ones: for applications that are reached by TCP, and for
connections that the kernel leads here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.access_log import opened_log
from proxy.current import Current
from proxy.listener import Listener
from proxy.server import Server
from proxy.settings import HostPort, Spoken, TcpSettings
from proxy.tcp.routing import ToApplication

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.choice import Choice


def spoken_at(protocol: Spoken, tcp: TcpSettings, *places: HostPort) -> Spoken:
    """What a listener takes its callers to speak: at a port whose servers speak first, TCP."""
    if protocol == "auto" and any(place.port in tcp.server_first for place in places):
        return "tcp"
    return protocol


async def open_beside(
    server: Server, outbound: Listener, current: Current, tcp: TcpSettings, log: str | None
) -> None:
    """Open what `tcp` asks for towards other applications. Connections and counters are shared
    with `outbound`, which also sweeps the members that they share."""
    for name, place in tcp.doors:
        title = f"tcp {name}"
        listener = Listener(
            name=title,
            side="out",
            routing=outbound.routing,
            members=lambda: (),
            pools=outbound.pools,
            windows=outbound.windows,
            failures=outbound.failures,
            access_log=opened_log(log, title),
            limits=outbound.limits,
            speaks="tcp",
            tunnels=ToApplication(outbound.routing, name),
        )
        await server.open(listener, place)
    if tcp.intercept:
        await _open_intercept(server, outbound, current, tcp, log)


async def _open_intercept(
    server: Server, outbound: Listener, current: Current, tcp: TcpSettings, log: str | None
) -> None:
    from proxy.interception.book import AddressBook
    from proxy.interception.routing import Outward
    from proxy.interception.strangers import KnownFailures, Strangers

    passed = tcp.intercept_unknown == "pass"
    strangers = Strangers(outbound.limits.tunnel_seconds) if passed else None
    outward = Outward(outbound.routing, AddressBook(current), strangers, tcp.server_first)
    for place in tcp.intercept:
        title = _title("intercept", place)
        listener = Listener(
            name=title,
            side="out",
            routing=outbound.routing,
            members=outward.members,
            pools=outbound.pools,
            windows=outbound.windows,
            failures=KnownFailures(outbound.failures),
            access_log=opened_log(log, title),
            limits=outbound.limits,
            interception=outward,
        )
        await server.open(listener, place)


async def open_intercept_inbound(
    server: Server,
    inbound: Listener,
    own: Choice,
    at_port: Callable[[int], Choice],
    tcp: TcpSettings,
    log: str | None,
) -> None:
    """Open where calls to the application are led, whichever of its ports they are for; `at_port`
    makes the application at another port."""
    if not tcp.intercept_inbound:
        return
    from proxy.interception.inward import Inward

    inward = Inward(own, at_port, tcp.server_first)
    for place in tcp.intercept_inbound:
        title = _title("intercept-inbound", place)
        listener = Listener(
            name=title,
            side="in",
            routing=inbound.routing,
            members=inward.members,
            pools=inbound.pools,
            windows=inbound.windows,
            failures=inbound.failures,
            access_log=opened_log(log, title),
            limits=inbound.limits,
            interception=inward,
            gate=inbound.gate,
            ledger=inbound.ledger,
        )
        await server.open(listener, place)


def _title(name: str, place: HostPort) -> str:
    return f"{name}6" if ":" in place.host else name
