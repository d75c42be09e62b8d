"""Who is let in at the inbound side: the mode in force, the list of callers, and what became of it.

One port serves plaintext and TLS by what comes first. A connection is judged when it arrives and
again when the snapshot changes; the usual verdict is none, and costs nothing afterwards. Whoever no
longer fits after a change of mode or trust is told to end and served until then; whoever may not
call is answered with a refusal, request by request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic, time
from typing import TYPE_CHECKING

from proxy import errors
from proxy.contract.snapshot import Inbound, Snapshot, TlsMode
from proxy.encryption.holder import Holder, NoIdentity
from proxy.encryption.peers import Peers, WrongPeer
from proxy.encryption.refusals import Refusals, why_failed
from proxy.inbound.callers import Callers
from proxy.inbound.standing import bare_of, standing
from proxy.inbound.trusted import Trusted

if TYPE_CHECKING:
    import ssl

    from proxy.encryption.contexts import Session
    from proxy.encryption.peers import Peer
    from proxy.errors import Refusal
    from proxy.facing import CallerConnection
    from proxy.listener import Listener

LEAVE_SECONDS = 600.0
"""How long connections in plaintext may take to leave once the mode is strict."""
SOURCES_LIMIT = 32
"""Addresses of callers in plaintext that are remembered."""
LOOK_SECONDS = 15.0
"""How often is looked for callers whose certificates have ended meanwhile."""


class Gate:
    """One per sidecar; its inbound listeners share it."""

    def __init__(
        self, app: str, instance: str, holder: Holder, clock: Callable[[], float] = time
    ) -> None:
        self._app = app
        self._instance = instance
        self.holder = holder
        self.mode: TlsMode = "plaintext"
        self._mode_since = monotonic()
        self.peers = Peers()
        self.refusals = Refusals()
        self.callers = Callers(app, self.refusals)
        self.sources: dict[str, None] = {}
        """Where callers in plaintext came from, the latest last."""
        self.listeners: list[Listener] = []
        self._watchers: list[Callable[[], None]] = []
        self._trusted = Trusted(holder, clock)
        self._look_at = 0.0
        holder.watch(self._holder_changed)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call this after each change of the mode."""
        self._watchers.append(changed)

    def follow(self, snapshot: Snapshot) -> None:
        """Put in force what a snapshot says of this side."""
        inbound = snapshot.inbound.get(self._app) or Inbound(name=self._app)
        mode = inbound.mode_of(self._instance)
        if (inbound, mode) == (self.callers.inbound, self.mode):
            return
        mode_changed = mode != self.mode
        self.callers.inbound, self.mode = inbound, mode
        if mode_changed:
            self._mode_since = monotonic()
        self._judge_again()
        if mode_changed:
            for changed in self._watchers:
                changed()

    @property
    def takes_tls(self) -> bool:
        """Is a first byte waited for, to tell TLS from plaintext?"""
        return self.mode != "plaintext"

    @property
    def takes_plaintext(self) -> bool:
        """Is anybody served who does not encrypt?"""
        return self.mode != "strict"

    # those who arrive

    def context(self, listener: Listener, source: str) -> ssl.SSLContext | None:
        """How to shake hands with who wants TLS; None refuses, which is said."""
        try:
            return self.holder.server_context(listener.speaks)
        except NoIdentity:
            why = "it wants TLS, and this sidecar has no certificate yet"
        except (OSError, ValueError) as error:
            why = f"it wants TLS, and the certificate here cannot be used: {error}"
        self.refusals.refuse("no_identity", listener.name, source, why)
        return None

    def failed(self, listener: Listener, source: str, error: OSError) -> None:
        """A handshake did not succeed."""
        reason, words = why_failed(error)
        self.refusals.refuse(reason, listener.name, source, words)
        _count_failed(listener)

    def known(self, listener: Listener, source: str, tls: Session) -> bool:
        """Find out who it is whose handshake succeeded; False refuses, which is said."""
        try:
            tls.peer = self.peers.of(tls, self.holder.domain)
        except WrongPeer as error:
            self.refusals.refuse("wrong_identity", listener.name, source, str(error).rstrip("."))
            _count_failed(listener)
            return False
        return True

    def unasked_tls(self, listener: Listener, source: str) -> None:
        """Somebody wants TLS where only plaintext is taken."""
        why = "it wants TLS and the mode here is plaintext (an application that speaks TLS itself "
        why += "needs --protocol tcp)"
        if self.takes_tls:
            why = "it began TLS so late that it was taken for a caller in plaintext"
        self.refusals.refuse("tls", listener.name, source, why)

    def place(self, listener: Listener, source: str, peer: Peer | None) -> Listener:
        """The listener as a new connection sees it; `peer` is None without TLS."""
        if peer is None:
            self._note_plaintext(source)
            if not self.takes_plaintext:
                why = "it speaks plaintext and the mode here is strict"
                self.refusals.refuse("plaintext", listener.name, source, why)
                return standing(
                    listener, leaves=True, objection=errors.plaintext_refused, denies=True
                )
        else:
            self._trusted.believe(peer)  # or its handshake would have failed
        if self.callers.allows(peer):
            return listener
        return self._objecting(listener, source, peer, leaves=False)

    # those who are there

    def sweep(self, now: float) -> None:
        """Called a few times a second: whose certificate has ended is told to end."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        for listener in self.listeners:
            for caller in list(listener.callers):
                peer = caller.peer
                if peer is None or caller in listener.leaving:
                    continue
                if self._trusted.has_ended(peer):
                    self.judge(caller)

    def judge(self, caller: CallerConnection) -> None:
        """Judge an open connection by what is in force now."""
        bare = bare_of(caller.listener)
        leaves = not self._fits(caller)
        if not self.callers.allows(caller.peer):
            source = bare.source_of(caller)
            caller.turn_to(self._objecting(bare, source, caller.peer, leaves=leaves))
        elif leaves:
            caller.turn_to(standing(bare, leaves=True, objection=self._overdue, denies=False))
        else:
            caller.turn_to(bare)
        if leaves:
            bare.leaving.add(caller)
        else:
            bare.leaving.discard(caller)

    def _overdue(self) -> Refusal | None:
        """A connection in plaintext that does not leave is not served for ever in strict."""
        stayed = monotonic() - self._mode_since
        if self.takes_plaintext or stayed <= LEAVE_SECONDS:
            return None
        self.refusals.count("plaintext")
        return errors.plaintext_refused()

    def _fits(self, caller: CallerConnection) -> bool:
        """Would it be let in today?"""
        if not caller.encrypted:
            return self.takes_plaintext
        return self.takes_tls and (caller.peer is None or self._trusted.holds(caller.peer))

    def _objecting(
        self, listener: Listener, source: str, peer: Peer | None, *, leaves: bool
    ) -> Listener:
        objection = self.callers.objection(listener.name, source, peer)
        return standing(listener, leaves=leaves, objection=objection, denies=self.callers.enforced)

    # of which other processes know a part

    def counted(self) -> tuple[dict[str, int], dict[str, int], tuple[str, ...]]:
        """Who was refused by reason, who was denied by how, and the sources of plaintext."""
        return (
            dict[str, int](self.refusals.counts),
            dict[str, int](self.callers.denied),
            (*self.sources,),
        )

    def add(self, refused: dict[str, int], denied: dict[str, int], sources: Iterable[str]) -> None:
        """Add what a worker has counted."""
        for counts, added in ((self.refusals.counts, refused), (self.callers.denied, denied)):
            for name, n in added.items():
                counts[name] = counts.get(name, 0) + n
        for source in sources:
            self._note_plaintext(source)

    def _note_plaintext(self, source: str) -> None:
        if source:
            self.sources.pop(source, None)
            self.sources[source] = None
            if len(self.sources) > SOURCES_LIMIT:
                del self.sources[next(iter(self.sources))]

    def _holder_changed(self) -> None:
        if self._trusted.renewed():
            self._judge_again()

    def _judge_again(self) -> None:
        for listener in self.listeners:
            for caller in list(listener.callers):
                if not listener.is_unknown(caller):
                    self.judge(caller)


def _count_failed(listener: Listener) -> None:
    """In the ledger: of a caller nobody knows, which became no more than a connection."""
    if listener.ledger is not None:
        listener.ledger.caller("", "", "tcp", True).handshakes_failed += 1
