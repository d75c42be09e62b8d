"""Which kinds there are, by name."""

from __future__ import annotations

from meshconsole.core.errors import Invalid
from meshconsole.rollouts.kinds.ca_rotation import CaRotation
from meshconsole.rollouts.kinds.healing_mode import HealingMode
from meshconsole.rollouts.kinds.protocol import Kind
from meshconsole.rollouts.kinds.route_table import RouteTable
from meshconsole.rollouts.kinds.sidecar_version import SidecarVersion
from meshconsole.rollouts.kinds.tls_mode import TlsModes

_ALL: tuple[Kind, ...] = (
    TlsModes(), RouteTable(), CaRotation(), SidecarVersion(), HealingMode(),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}


def kind_of(name: str) -> Kind:
    """The kind of this name; raises Invalid."""
    try:
        return KINDS[name]
    except KeyError:
        known = ", ".join(KINDS)
        raise Invalid(
            f"There is no kind {name[:40]!r} of rollout; there are: {known}.",
            errors=[{"pointer": "/kind", "detail": f"One of {known}."}],
        ) from None
