"""Who may call, by what its certificate says: the list in force, and what becomes of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy import errors
from proxy.contract.snapshot import Inbound

if TYPE_CHECKING:
    from proxy.encryption.peers import Peer
    from proxy.encryption.refusals import Refusals
    from proxy.errors import Refusal
    from proxy.inbound.standing import Objection


class Callers:
    """`ALLOW app=... unit=...` of one application."""

    def __init__(self, app: str, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals
        self.inbound = Inbound(name=app)
        """What the snapshot says."""
        self.denied: dict[str, int] = {"observe": 0, "enforce": 0}
        """Requests and sessions of callers who are not on the list."""

    @property
    def enforced(self) -> bool:
        """Is who is not on the list refused, and not only noted?"""
        return self.inbound.callers_mode == "enforce"

    def allows(self, peer: Peer | None) -> bool:
        """Is this caller on the list, or is there none? Who shows no certificate is on no list."""
        if self.inbound.callers_mode == "off":
            return True
        if peer is None:
            return False
        who = peer.who
        return any(
            (not one.app or one.app == who.app) and (not one.unit or one.unit == who.unit)
            for one in self.inbound.callers
        )

    def objection(self, door: str, source: str, peer: Peer | None) -> Objection:
        """What is said to each request of a caller who is not on the list."""
        enforced = self.enforced
        who = peer.who.uri if peer is not None else ""
        verb = "refused" if enforced else "would refuse"
        said = who or f"a caller without a certificate at {source or 'some address'}"

        def objection() -> Refusal | None:
            self.denied["enforce" if enforced else "observe"] += 1
            sentence = f"{door} {verb} {said}: it is not among the callers of {self._app!r}"
            self._refusals.say("denied", who or source, sentence)
            return errors.not_allowed(self._app, who) if enforced else None

        return objection
