"""The rules that lead connections to a sidecar, as text for iptables-restore; pure.

Two chains of our own hold everything, and one jump leads to each, so that installing again replaces
and removing leaves nothing. The sidecar's own connections are exempt, or they would come back to
it: by its user, its group or its mark.
"""

from __future__ import annotations

import msgspec

OUT, IN = "MESH_OUT", "MESH_IN"
JUMPS = {OUT: f"OUTPUT -p tcp -j {OUT}", IN: f"PREROUTING -p tcp -j {IN}"}
"""Where a chain is entered from."""
LOOPBACK = {4: "127.0.0.0/8", 6: "::1/128"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to lead where. Ports and networks are excluded from both directions they can be in."""

    outbound_port: int
    """Where `--intercept` listens."""
    inbound_port: int | None = None
    """Where `--intercept-inbound` listens; None leads no calls to the application."""
    uid: int | None = None
    """The sidecar's user; at least one of user, group and mark is needed."""
    gid: int | None = None
    mark: int | None = None
    exclude_ports: tuple[int, ...] = ()
    """Ports that are dialled directly."""
    exclude_cidrs: tuple[str, ...] = ()
    """Networks that are dialled directly, IPv4 or IPv6."""
    inbound_ports: tuple[int, ...] = ()
    """The application's ports that are led to the sidecar; empty is all of them."""
    exclude_inbound_ports: tuple[int, ...] = ()
    """Ports that are reached directly, such as the sidecar's own."""


def rules(wanted: Wanted, family: int) -> list[str]:
    """The rules of both chains, in their order; `family` is 4 or 6."""
    return [*_outbound(wanted, family), *_inbound(wanted)]


def install(wanted: Wanted, family: int, present: str) -> str:
    """What to restore, given the table as `iptables-save` prints it, so that the rules hold once,
    whatever was there before."""
    chains = [OUT] if wanted.inbound_port is None else [OUT, IN]
    gone = [chain for chain in (OUT, IN) if chain not in chains]
    there = _lines(present)
    jumps = [f"-A {JUMPS[chain]}" for chain in chains if f"-A {JUMPS[chain]}" not in there]
    return _table(
        [f":{chain} - [0:0]" for chain in chains]
        + [f"-F {chain}" for chain in chains]
        + [f"-A {rule}" for rule in rules(wanted, family)]
        + jumps
        + _removed(gone, present)
    )


def remove(present: str) -> str:
    """What to restore so that nothing of ours is left; empty when nothing is there."""
    lines = _removed([OUT, IN], present)
    return _table(lines) if lines else ""


def of_ours(present: str) -> list[str]:
    """The lines of a saved table that are ours."""
    return [line for line in _lines(present) if OUT in line or IN in line]


def _outbound(wanted: Wanted, family: int) -> list[str]:
    exempt = [
        *(f"-m owner --uid-owner {wanted.uid}" for _ in [0] if wanted.uid is not None),
        *(f"-m owner --gid-owner {wanted.gid}" for _ in [0] if wanted.gid is not None),
        *(f"-m mark --mark {wanted.mark:#x}" for _ in [0] if wanted.mark is not None),
        "-o lo",
        f"-d {LOOPBACK[family]}",
        *(f"-d {cidr}" for cidr in wanted.exclude_cidrs if (":" in cidr) == (family == 6)),
        *(f"-p tcp -m tcp --dport {port}" for port in wanted.exclude_ports),
    ]
    return [
        *(f"{OUT} {one} -j RETURN" for one in exempt),
        f"{OUT} -p tcp -j REDIRECT --to-ports {wanted.outbound_port}",
    ]


def _inbound(wanted: Wanted) -> list[str]:
    if wanted.inbound_port is None:
        return []
    to = f"-j REDIRECT --to-ports {wanted.inbound_port}"
    direct = (*wanted.exclude_inbound_ports, wanted.inbound_port, wanted.outbound_port)
    return [
        f"{IN} -i lo -j RETURN",
        *(f"{IN} -p tcp -m tcp --dport {port} -j RETURN" for port in direct),
        *(f"{IN} -p tcp -m tcp --dport {port} {to}" for port in wanted.inbound_ports),
        *(f"{IN} -p tcp {to}" for _ in [0] if not wanted.inbound_ports),
    ]


def _removed(chains: list[str], present: str) -> list[str]:
    lines = _lines(present)
    there = [chain for chain in chains if any(line.startswith(f":{chain} ") for line in lines)]
    jumps = [line for line in lines for chain in there if line == f"-A {JUMPS[chain]}"]
    return [
        *(f"-D {jump.removeprefix('-A ')}" for jump in jumps),
        *(f"-F {chain}" for chain in there),
        *(f"-X {chain}" for chain in there),
    ]


def _lines(present: str) -> list[str]:
    return [line.strip() for line in present.splitlines()]


def _table(lines: list[str]) -> str:
    return "\n".join(["*nat", *lines, "COMMIT", ""])
