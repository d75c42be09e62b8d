"""The safe way from one TLS mode to another, one step at a time; pure.

Up: plaintext -> permissive -> preferred -> strict. What is advertised has to be accepted first, so
an instance is preferred only when its sidecar has permissive in force and a handshake with itself
has succeeded. Down: strict -> preferred -> permissive -> plaintext. What is no longer advertised is
accepted for ten minutes more, so that callers leave TLS before it is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from proxy.contract.reports import LinkState
from proxy.contract.snapshot import TLS_MODES, TlsMode

ACCEPTED_SECONDS = 600.0
"""TLS is accepted so long after it was advertised last, and strict comes so long after the last
plaintext."""


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """One instance on its way."""

    mode: TlsMode
    """Intended now."""
    goal: TlsMode
    state: LinkState | None
    """What its sidecar says; None when it has said nothing."""
    stepped_at: datetime | None
    """When its mode was changed last."""
    was_advertised: bool = True
    """Were callers ever offered TLS at it?"""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The next mode to write; None while it has to wait, for what `note` says."""

    mode: TlsMode | None = None
    note: str = ""
    waits_until: datetime | None = None
    """It waits on purpose until then."""


def rank(mode: TlsMode) -> int:
    """How far up a mode is."""
    return TLS_MODES.index(mode)


def next_step(stand: Stand, *, now: datetime, scale: float = 1.0) -> Step:
    """What to write for an instance now. At its goal there is nothing to write or to wait for."""
    if stand.mode == stand.goal:
        return Step()
    up = rank(stand.goal) > rank(stand.mode)
    wanted = TLS_MODES[rank(stand.mode) + (1 if up else -1)]
    note = _lacks(stand, wanted, up=up)
    if note:
        return Step(note=note)
    if wanted == "plaintext" and stand.was_advertised and stand.stepped_at is not None:
        until = stand.stepped_at + timedelta(seconds=ACCEPTED_SECONDS * scale)
        if until > now:
            note = "accepts TLS for a while, so that callers can leave it"
            return Step(note=note, waits_until=until)
    return Step(mode=wanted)


def is_in_force(mode: TlsMode, state: LinkState | None) -> bool:
    """Does the sidecar say that it is in this mode, and able to be?"""
    if state is None or state.mode != mode:
        return False
    return state.ready or mode in ("plaintext", "permissive")


def why_not(mode: TlsMode, state: LinkState | None) -> str:
    """What is missing, in a few words."""
    if state is None:
        return "its sidecar has said nothing of its links"
    if state.mode != mode:
        return f"its sidecar is {state.mode} still"
    return f"cannot prove itself: {state.reason or 'it does not say why'}"


def stages(to: TlsMode, modes: set[TlsMode]) -> list[TlsMode]:
    """The ladders on the way from any of these modes, in order."""
    if to == "strict" and any(rank(mode) < rank("preferred") for mode in modes):
        return ["preferred", "strict"]
    if to == "plaintext" and any(rank(mode) > rank("permissive") for mode in modes):
        return ["permissive", "plaintext"]
    return [to]


def _lacks(stand: Stand, wanted: TlsMode, *, up: bool) -> str:
    """What the sidecar has to have in force before the next step; empty when it may be written."""
    if up and wanted in ("preferred", "strict"):
        able = is_in_force(stand.mode, stand.state) and stand.state is not None
        ready = able and stand.state is not None and stand.state.ready
        return "" if ready else why_not(stand.mode, stand.state)
    if not up and wanted == "permissive" and stand.state is not None:
        # A caller that is told to come in plaintext must not find a server that refuses it.
        return "" if stand.state.mode != "strict" else why_not(stand.mode, stand.state)
    return ""
