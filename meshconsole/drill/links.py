"""The sidecars' own ledgers of a drill's mesh, added up and held against what they promise."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshconsole.telemetry.links import LinkTotals, Told, totals_of


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all that passed, as both sides saw it."""

    plaintext: LinkTotals
    encrypted: LinkTotals
    forgotten: LinkTotals
    generations: int
    """Kinds of connections that were dialled."""
    fallen_back: int
    denied: int
    sidecars: int

    @property
    def whole(self) -> LinkTotals:
        """Everything."""
        return self.plaintext + self.encrypted + self.forgotten

    @property
    def is_quiet(self) -> bool:
        """Is nothing in flight?"""
        return bool(self.whole.started) and not self.whole.in_flight and not self.whole.unaccounted

    def short(self) -> list[str]:
        """Which promises were not kept."""
        whole = self.whole
        faults = {
            "cut": whole.cut,
            "failed": whole.failed,
            "still in flight": whole.in_flight,
            "not accounted for": whole.unaccounted,
        }
        found = [
            f"{count} of {whole.started} are {what} by the sidecars' ledgers"
            for what, count in faults.items()
            if count
        ]
        if not self.plaintext.started or not self.encrypted.started:
            found.append("not both plaintext and TLS carried requests")
        return found


def account_of(told: Mapping[str, Told]) -> Account:
    """The sum over every sidecar and both directions."""
    plaintext, encrypted, forgotten = LinkTotals(), LinkTotals(), LinkTotals()
    generations = set()
    for one in told.values():
        for edge in one.edges:
            if edge.encrypted:
                encrypted += totals_of(edge)
            else:
                plaintext += totals_of(edge)
            generations.add((one.instance, edge.instance, edge.generation))
        if one.forgotten is not None:
            forgotten += totals_of(one.forgotten)
    return Account(
        plaintext=plaintext,
        encrypted=encrypted,
        forgotten=forgotten,
        generations=len(generations),
        fallen_back=sum(one.state.fallen_back for one in told.values()),
        denied=sum(one.state.denied for one in told.values()),
        sidecars=len(told),
    )
