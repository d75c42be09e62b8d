"""Who is on the list, and what a snapshot changes for those who are here already."""

from __future__ import annotations

from typing import cast

import pytest

from proxy.contract.identity import InstanceIdentity
from proxy.contract.snapshot import Caller, CallersMode, Inbound, Snapshot, TlsMode
from proxy.encryption.holder import Holder
from proxy.encryption.peers import Peer
from proxy.errors import Refusal
from proxy.facing import CallerConnection, Routing as ListenerRouting
from proxy.failures import Unheard
from proxy.inbound.gate import LOOK_SECONDS, SOURCES_LIMIT, Gate
from proxy.inbound.standing import bare_of
from proxy.inbound.state import link_state
from proxy.listener import Listener
from proxy.pools import Pools
from proxy.settings import Limits
from proxy.tcp.routing import Tunnels
from proxy.windows import Windows

ONLY_FRONT = (Caller(app="front"),)


def peer(app: str = "front", unit: str = "unit1") -> Peer:
    who = InstanceIdentity(trust_domain="mesh.test", unit=unit, app=app, instance=f"{app}-1")
    return Peer(who, b"")


def snapshot(
    mode: TlsMode = "permissive",
    callers: tuple[Caller, ...] = (),
    callers_mode: CallersMode = "off",
    **instances: TlsMode,
) -> Snapshot:
    named = {name.replace("_", "-"): own for name, own in instances.items()}
    inbound = Inbound(
        name="order", mode=mode, instances=named, callers=callers, callers_mode=callers_mode
    )
    return Snapshot(inbound={"order": inbound})


def gate(
    mode: TlsMode = "permissive",
    callers: tuple[Caller, ...] = (),
    callers_mode: CallersMode = "off",
) -> Gate:
    made = Gate("order", "order-1", Holder())
    made.follow(snapshot(mode, callers, callers_mode))
    return made


class Conn:
    """An open connection as its listener keeps it."""

    account = None
    under_way = 0

    def __init__(self, door: Listener, who: Peer | None) -> None:
        self.listener = door
        self.encrypted = who is not None
        self.peer = who

    def turn_to(self, listener: Listener, /) -> None:
        self.listener = listener

    def sweep(self, now: float, draining: bool, /) -> None:
        """Not asked."""

    def abort(self) -> None:
        """Not asked."""


class Routing:
    by_name = False

    def choose(self, _request: object, _trace_id: bytes) -> str:
        return "chosen"

    def tunnel(self, _name: str) -> str:
        return "tunnelled"

    def adjust(self, now: float) -> None:
        """Not asked."""


def listener_of(guard: Gate) -> Listener:
    """As much of a listener as the gate looks at."""
    return Listener(
        name="inbound",
        side="in",
        routing=cast("ListenerRouting", Routing()),
        members=lambda: (),
        pools=Pools(Limits()),
        windows=Windows(),
        failures=Unheard(),
        access_log=None,
        limits=Limits(),
        tunnels=cast("Tunnels", Routing()),
        gate=guard,
    )


def join(door: Listener, who: Peer | None) -> CallerConnection:
    seen = door.gate.place(door, "10.0.0.1", who) if door.gate is not None else door
    caller = Conn(seen, who)
    assert seen.joined(caller)
    return caller


@pytest.mark.parametrize(
    ("callers", "who", "allowed"),
    [
        (ONLY_FRONT, peer("front"), True),
        (ONLY_FRONT, peer("stock"), False),
        (ONLY_FRONT, None, False),
        ((Caller(unit="unit2"),), peer("front", "unit2"), True),
        ((Caller(unit="unit2"),), peer("front", "unit1"), False),
        ((Caller(app="front", unit="unit2"),), peer("front", "unit1"), False),
        ((Caller(app="stock"), Caller(app="front")), peer("front"), True),
        ((Caller(),), peer("anybody"), True),
        ((Caller(),), None, False),
    ],
)
def test_a_caller_is_allowed_by_any_line_that_it_fits_and_never_without_a_certificate(
    callers: tuple[Caller, ...], who: Peer | None, allowed: bool
) -> None:
    assert gate("permissive", callers, "observe").callers.allows(who) is allowed
    assert gate("permissive", callers, "enforce").callers.allows(who) is allowed
    assert gate("permissive", callers, "off").callers.allows(who)


def test_the_mode_of_the_instance_holds_and_not_that_of_its_application() -> None:
    made = Gate("order", "order-1", Holder())
    heard: list[TlsMode] = []
    made.watch(lambda: heard.append(made.mode))
    made.follow(snapshot("permissive", order_1="strict"))
    made.follow(snapshot("preferred", order_1="strict"))
    made.follow(snapshot("preferred"))
    made.follow(Snapshot())
    assert heard == ["strict", "preferred", "plaintext"]


def test_the_usual_caller_sees_the_listener_itself() -> None:
    made = gate("permissive", ONLY_FRONT, "enforce")
    door = listener_of(made)
    assert made.place(door, "10.0.0.1", peer("front")) is door


def test_who_is_not_on_the_list_is_refused_request_by_request_or_only_noted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = gate("permissive", ONLY_FRONT, "enforce")
    caller = join(listener_of(made), peer("stock"))
    routing = cast("Routing", caller.listener.routing)
    for _ in range(2):
        with pytest.raises(Refusal, match="is not among those who may call 'order'") as refused:
            routing.choose(None, b"")
        assert (refused.value.status, refused.value.flag) == (403, "UAEX")
    made.follow(snapshot("permissive", ONLY_FRONT, "observe"))
    assert cast("Routing", caller.listener.routing).choose(None, b"") == "chosen"
    assert made.callers.denied == {"enforce": 2, "observe": 1}
    assert [line.partition(" spiffe")[0] for line in caplog.messages] == ["inbound refused"]
    made.follow(snapshot("permissive", (Caller(app="stock"),), "enforce"))
    assert bare_of(caller.listener) is caller.listener
    assert cast("Routing", caller.listener.routing).choose(None, b"") == "chosen"


def test_who_no_longer_fits_is_told_to_end_and_served_until_then() -> None:
    made = gate("permissive")
    door = listener_of(made)
    plain, encrypted = join(door, None), join(door, peer())
    made.follow(snapshot("strict"))
    assert door.leaving == {plain}
    assert (plain.listener.draining, encrypted.listener.draining) == (True, False)
    assert cast("Routing", plain.listener.routing).choose(None, b"") == "chosen"
    made.follow(snapshot("permissive"))
    assert not door.leaving
    assert plain.listener is door
    made.follow(snapshot("plaintext"))
    assert door.leaving == {encrypted}
    door.left(encrypted)
    assert not door.leaving


def test_who_does_not_leave_is_refused_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = gate("permissive")
    plain = join(listener_of(made), None)
    made.follow(snapshot("strict"))
    monkeypatch.setattr("proxy.inbound.gate.LEAVE_SECONDS", -1.0)
    with pytest.raises(Refusal, match="Plaintext is not taken here"):
        cast("Routing", plain.listener.routing).choose(None, b"")


def test_who_overstays_its_certificate_is_told_to_end() -> None:
    now = [99.0]
    made = Gate("order", "order-1", Holder(), clock=lambda: now[0])
    made.follow(snapshot("strict"))
    door = listener_of(made)
    ending, lasting = (
        join(door, Peer(peer().who, der, ends_at=ends_at))
        for der, ends_at in ((b"ending", 100.0), (b"lasting", 1000.0))
    )
    made.sweep(0.0)
    assert not door.leaving
    now[0] = 100.0
    made.sweep(LOOK_SECONDS)
    assert door.leaving == {ending}
    assert (ending.listener.draining, lasting.listener.draining) == (True, False)


def test_plaintext_that_strict_refuses_is_counted_for_the_console() -> None:
    made = gate("strict")
    assert link_state(made, None, Windows()).plain_refused == 0
    for _ in range(3):
        made.place(listener_of(made), "10.0.0.9", None)
    state = link_state(made, None, Windows())
    assert (state.plain_refused, state.plain_requests) == (3, 0)
    assert state.plain_sources == ("10.0.0.9",)


def test_the_sources_of_plaintext_are_the_latest() -> None:
    made = gate("permissive")
    door = listener_of(made)
    for n in range(2 * SOURCES_LIMIT):
        made.place(door, f"10.0.0.{n}", None)
    made.place(door, f"10.0.0.{SOURCES_LIMIT}", None)
    assert len(made.sources) == SOURCES_LIMIT
    assert list(made.sources)[-1] == f"10.0.0.{SOURCES_LIMIT}"
    assert "10.0.0.0" not in made.sources
