"""On what terms a process hands over: decided from facts, without a socket."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.handover.words import VERSION, FromNew, Given, Hello
from proxy.sockets import Bound
from proxy.wire import FILES_LIMIT


def refusal(hello: FromNew, *, taker: int, draining: bool, files: int) -> str:
    """Why this process does not hand over to who says this; empty when it does."""
    if not isinstance(hello, Hello):
        return "Say hello first."
    if hello.version != VERSION:
        return (
            f"It speaks version {VERSION} of the handover and the new process version "
            f"{hello.version}: stop the old one, then start the new one."
        )
    if taker:
        return f"Process {taker} is taking over already: let it finish."
    if draining:
        return "It drains already: start again when it has ended."
    if files > FILES_LIMIT:
        return f"It has {files} listening sockets, and {FILES_LIMIT} can be handed over."
    return ""


def given(bound: Sequence[Bound]) -> tuple[Given, ...]:
    """What the offer says of the sockets that come with it."""
    return tuple(Given(one.name, one.place, len(one.sockets)) for one in bound)


def may_serve(*, ready: bool, old_was_ready: bool) -> bool:
    """Is the new process as good as the old one?"""
    return ready or not old_was_ready
