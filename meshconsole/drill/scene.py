"""What sidecars without a console go by: a snapshot where they look for their last one."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

import msgspec

from meshconsole.drill.callers import LOOPBACK
from proxy.contract.codec import encode
from proxy.contract.digest import canonical, digest_of
from proxy.contract.session import Push
from proxy.contract.snapshot import Endpoint, Service, Snapshot

SERVICE = "orders"
GROUP = "all"


def snapshot_of(ports: Iterable[int], weights: Iterable[int] = ()) -> Snapshot:
    """One service with an endpoint at each port, of these weights or all alike."""
    of_port = dict(zip(ports, weights, strict=False)) if (ports := list(ports)) else {}
    endpoints = tuple(
        Endpoint(
            id=f"orders-{port}",
            addr=f"{LOOPBACK}:{port}",
            group=GROUP,
            unit="unit1",
            weight=of_port.get(port, 100),
        )
        for port in ports
    )
    service = Service(name=SERVICE, endpoints=endpoints, groups=(GROUP,))
    return Snapshot(service={SERVICE: service})


def keep(snapshot: Snapshot, state: Path) -> None:
    """Put a snapshot where a sidecar keeps its last one."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    raw = {"service": {name: msgspec.Raw(canonical(one)) for name, one in snapshot.service.items()}}
    push = Push(nonce="", v=1, digest=digest_of(snapshot), set=raw)
    (state / "snapshot.json").write_bytes(encode(push))


def write(snapshot: Snapshot, file: Path) -> None:
    """Write the file of a stand-alone proxy, so that it is read whole or as it was."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(encode(snapshot))
    fresh.replace(file)


def sidecar(
    name: str, folder: Path, *, inbound: int, outbound: int, app: int, admin: int
) -> list[str]:
    """The flags of a sidecar whose console is away."""
    nowhere = f"wss://{LOOPBACK}:9"
    return [
        *("--console", nowhere, "--enrol", nowhere, "--state-dir", str(folder / name)),
        *("--join-token-file", str(folder / "token"), "--app", SERVICE, "--unit", "unit1"),
        *("--group", GROUP, "--instance", name, "--app-address", f"{LOOPBACK}:{app}"),
        *("--inbound", f"{LOOPBACK}:{inbound}", "--outbound", f"{LOOPBACK}:{outbound}"),
        *("--admin", f"{LOOPBACK}:{admin}", "--handover", str(folder / "doors" / name)),
    ]


def gate(
    folder: Path, *, listen: int, upstream: int, admin: int, tls: tuple[Path, Path, Path]
) -> list[str]:
    """The flags of a proxy whose callers show a certificate."""
    return [
        *("--listen", f"{LOOPBACK}:{listen}", "--listen-tls", ",".join(map(str, tls))),
        *("--upstream", f"{LOOPBACK}:{upstream}", "--admin", f"{LOOPBACK}:{admin}"),
        *("--handover", str(folder / "doors" / "gate")),
    ]


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
