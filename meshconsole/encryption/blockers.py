"""What keeps an application from being strict, each with a number and a sentence; pure.

Strict refuses whatever is not encrypted, so it may only come when nothing is: no request and no
connection in plaintext for ten minutes, every instance able to prove itself, and every caller that
is known of able to speak TLS. What cannot be known blocks as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from proxy.contract.reports import LinkState
from proxy.contract.snapshot import TlsMode

LINK_CAPS = frozenset({"inbound", "trust"})
"""Kinds of the contract that a sidecar must know to speak TLS."""
SOURCES_NAMED = 3
QUIET_MINUTES = 10
"""For so long nothing may have come in plaintext."""
Kind = Literal["unknown", "mode", "not_ready", "plain_requests", "plain_connections", "caller"]


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the way."""

    kind: Kind
    sentence: str
    caller: str = ""
    """The calling application; empty for one outside of the mesh, or when it is no caller."""
    instance: str = ""
    count: int = 0
    """Requests or connections in plaintext."""


class PlainCaller(msgspec.Struct, frozen=True):
    """Who called in plaintext, and how often, in the last QUIET_MINUTES."""

    app: str
    requests: int


class UnableCaller(msgspec.Struct, frozen=True):
    """An instance of a caller that could not come any other way."""

    app: str
    instance: str
    why: str


def blockers(
    application: str,
    modes: Mapping[str, TlsMode],
    *,
    states: Mapping[str, LinkState],
    callers: Iterable[PlainCaller],
    unable: Iterable[UnableCaller],
    quiet_minutes: int = QUIET_MINUTES,
) -> list[Blocker]:
    """Everything in the way, instances first. Instances that are strict already block nothing."""
    open_ones = {name: mode for name, mode in sorted(modes.items()) if mode != "strict"}
    found = [blocker for name, mode in open_ones.items() for blocker in _mode(name, mode)]
    for name in open_ones:
        found += _state(name, states.get(name))
    found += (_caller(application, one, quiet_minutes) for one in callers if one.requests)
    found += (
        Blocker(
            kind="caller",
            caller=one.app,
            instance=one.instance,
            sentence=f"{one.instance} of {one.app} calls {application} and cannot speak TLS: "
            f"{one.why}",
        )
        for one in unable
    )
    return found


def unknown(application: str) -> Blocker:
    """Nothing is known of the traffic just now."""
    return Blocker(
        kind="unknown",
        sentence=f"Who calls {application} in plaintext is not known just now: Redis does not "
        "answer. Ask again.",
    )


def refused(instance: str, state: LinkState) -> str:
    """What strict has refused there, which no window of traffic shows; empty for nothing."""
    if not state.plain_refused:
        return ""
    sources = _latest(state)
    sentence = f"{instance} has refused plaintext {_counted(state.plain_refused, 'time')}"
    return f"{sentence} since it started{f', the latest from {sources}' if sources else ''}."


def _latest(state: LinkState) -> str:
    return ", ".join(state.plain_sources[: -SOURCES_NAMED - 1 : -1])


def _mode(instance: str, mode: TlsMode) -> list[Blocker]:
    if mode == "preferred":
        return []
    sentence = f"{instance} is {mode}: callers are not offered TLS yet; make it preferred first."
    return [Blocker(kind="mode", instance=instance, sentence=sentence)]


def _state(instance: str, state: LinkState | None) -> list[Blocker]:
    if state is None:
        sentence = f"{instance} has not said yet whether it can prove itself; wait for its word."
        return [Blocker(kind="not_ready", instance=instance, sentence=sentence)]
    found = []
    if not state.ready:
        sentence = f"{instance} cannot prove itself: {state.reason or 'it does not say why'}"
        found.append(Blocker(kind="not_ready", instance=instance, sentence=sentence))
    if state.plain_connections:
        count = state.plain_connections
        sources = _latest(state)
        sentence = f"{instance} has {_counted(count, 'connection')} in plaintext open"
        found.append(
            Blocker(
                kind="plain_connections",
                instance=instance,
                count=count,
                sentence=f"{sentence}, from {sources}." if sources else f"{sentence}.",
            )
        )
    return found


def _caller(application: str, caller: PlainCaller, minutes: int) -> Blocker:
    who = caller.app or "Callers from outside of the mesh"
    return Blocker(
        kind="plain_requests",
        caller=caller.app,
        count=caller.requests,
        sentence=f"{who} sent {_counted(caller.requests, 'request')} in plaintext to "
        f"{application} in the last {_counted(minutes, 'minute')}.",
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
