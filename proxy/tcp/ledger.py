"""What is written down about one session: where it went, how it ended, how much passed."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from proxy.tcp.dialling import INTERFACE

if TYPE_CHECKING:
    from proxy.contract.reports import ErrorClass
    from proxy.current import Choice, Member
    from proxy.encryption.peers import Peer
    from proxy.limiting.admission import Meter
    from proxy.links.account import End
    from proxy.listener import Listener
    from proxy.windows import Counts


class Ledger:
    """The account of one session, open until `close`."""

    protocol = INTERFACE

    __slots__ = (
        "_began", "_counted", "_listener", "_meter", "_open", "attempts", "bytes_in", "bytes_out",
        "caller_encrypted", "choice", "connect_seconds", "error", "far_encrypted", "flag",
        "member", "name", "peer",
    )  # fmt: skip

    def __init__(self, listener: Listener, now: float) -> None:
        self._listener = listener
        self._began = now
        self.connect_seconds: float | None = None
        self.attempts = 0
        self.member: Member | None = None
        self._meter: Meter | None = None
        self._counted = (0, 0)
        """Bytes each way that the windows know of."""
        self._open = True
        self.bytes_in = self.bytes_out = 0
        self.caller_encrypted = False
        self.far_encrypted = False
        self.peer: Peer | None = None
        self.choice: Choice | None = None
        self.name = ""
        """The server name of a TLS greeting."""
        self.flag = ""
        self.error: ErrorClass | None = None

    def chosen(self, choice: Choice) -> None:
        """Where it may go; raises Refusal when no more sessions may come in."""
        self._meter = self._listener.admission.enter(choice.target.service.name, INTERFACE)
        self.choice = choice

    def tried(self, member: Member) -> None:
        """A member is dialled."""
        self.attempts += 1
        self.member = member

    def connected(self, now: float) -> None:
        """It was reached."""
        self.connect_seconds = now - self._began

    def end(self, flag: str, error: ErrorClass | None = None) -> None:
        """Why it ends; the first to say so is right."""
        if not self.flag:
            self.flag = flag
            self.error = error

    @property
    def ended(self) -> End:
        """What became of the session."""
        if self.flag == "LR":
            return "cut"
        if self.flag == "DC":
            return "cancelled"
        return "failed" if self.flag else "completed"

    def count_bytes(self, bytes_in: int, bytes_out: int) -> None:
        """Put what has passed since the last time into the open window: a session of hours is no
        spike at its end."""
        counts = self._counts() if self.connect_seconds is not None else None
        if counts is not None:
            before_in, before_out = self._counted
            counts.bytes_in += bytes_in - before_in
            counts.bytes_out += bytes_out - before_out
            self._counted = bytes_in, bytes_out

    def close(self, bytes_in: int, bytes_out: int) -> bool:
        """It is over: count and log it; False when that was done before."""
        if not self._open:
            return False
        self.bytes_in, self.bytes_out = bytes_in, bytes_out
        self._open = False
        if self._meter is not None:
            self._meter.leave()
        counts = self._counts()
        seconds = monotonic() - self._began
        if counts is not None:
            before_in, before_out = self._counted
            counts.observe(0, self.error, seconds, bytes_in - before_in, bytes_out - before_out)
        if self._listener.access_log is not None:
            self._listener.access_log.add_session(self, seconds)
        return True

    def _counts(self) -> Counts | None:
        choice, member, listener = self.choice, self.member, self._listener
        if choice is None:
            return None
        inbound = listener.side == "in"
        encrypted = self.caller_encrypted if inbound else self.far_encrypted
        return listener.counts_of(choice, member, INTERFACE, encrypted)
