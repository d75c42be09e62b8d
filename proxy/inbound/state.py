"""What a sidecar is to its peers just now, as the console is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from proxy.contract.reports import LinkState

if TYPE_CHECKING:
    from proxy.inbound.gate import Gate
    from proxy.inbound.selfcheck import SelfCheck
    from proxy.windows import Windows


def link_state(
    gate: Gate, check: SelfCheck | None, windows: Windows, fallen_back: int = 0
) -> LinkState:
    """The mode in force, the certificate, whether a handshake works, and who does not encrypt."""
    identity = gate.holder.identity
    callers = [listener.open_callers for listener in gate.listeners]
    return LinkState(
        mode=gate.mode,
        ready=check is not None and check.ready,
        reason=check.reason if check is not None else "",
        serial=identity.serial if identity is not None else "",
        issuer=identity.issuer if identity is not None else "",
        not_after=identity.ends_at.timestamp() if identity is not None else 0.0,
        trusts=gate.holder.trusts,
        plain_connections=sum(plain for plain, _ in callers),
        tls_connections=sum(encrypted for _, encrypted in callers),
        plain_requests=_plain_requests(windows),
        plain_sources=tuple(gate.sources),
        denied=sum(gate.callers.denied.values()),
        fallen_back=fallen_back,
        plain_refused=gate.refusals.counts.get("plaintext", 0),
    )


def _plain_requests(windows: Windows) -> int:
    totals: Iterable[int] = (
        edge.requests for edge in windows.totals() if edge.side == "in" and not edge.encrypted
    )
    return sum(totals)
