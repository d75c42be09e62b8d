"""A push becomes a whole new configuration or a reason, and the old one is never touched."""

from __future__ import annotations

import msgspec

from proxy.configuration import Held, Refusal, applied, whole
from proxy.contract.digest import canonical, digest_of
from proxy.contract.session import Push
from proxy.contract.snapshot import Service, Snapshot
from tests.harness.console import stock, whole_push


def held(v: int = 5) -> Held:
    found = applied(whole_push(stock(), v), None)
    assert isinstance(found, Held)
    return found


def refusal(push: Push, before: Held | None) -> Refusal:
    found = applied(push, before)
    assert isinstance(found, Refusal), found
    return found


def test_an_empty_mesh_is_a_configuration() -> None:
    found = applied(whole_push(Snapshot(), 1), None)
    assert isinstance(found, Held)
    assert found.snapshot == Snapshot()
    assert found.digest == digest_of(Snapshot())


def test_a_whole_push_forgets_what_it_does_not_name() -> None:
    found = applied(whole_push(Snapshot(), 6), held())
    assert isinstance(found, Held)
    assert found.snapshot.service == {}


def test_a_difference_removes_and_adds_and_leaves_the_old_one_as_it_was() -> None:
    before = held()
    frozen = canonical(before.snapshot)
    after = Snapshot(service={"cash": Service(name="cash")})
    found = applied(
        Push(
            nonce="d",
            v=6,
            digest=digest_of(after),
            base=before.digest,
            rm=(("service", "stock"), ("route", "stock")),
            set={"service": {"cash": msgspec.Raw(b'{"name": "cash"}')}},
        ),
        before,
    )
    assert isinstance(found, Held)
    assert found.snapshot == after
    assert canonical(before.snapshot) == frozen
    assert set(before.parts["service"]) == {"stock"}


def test_the_same_revision_may_change_its_content() -> None:
    assert isinstance(applied(whole_push(stock(10.0), 5), held(5)), Held)


def test_removing_a_service_that_has_a_route_is_inconsistent() -> None:
    before = held()
    left = Snapshot(route=before.snapshot.route)
    found = refusal(
        Push(
            nonce="d", v=6, digest=digest_of(left), base=before.digest, rm=(("service", "stock"),)
        ),
        before,
    )
    assert (found.code, found.path) == ("inconsistent", "/route/stock")


def test_each_reason_has_its_code_and_place() -> None:
    before = held()
    good = whole_push(stock(10.0), 6)
    change = msgspec.structs.replace
    cases = {
        "proto": change(good, proto=2),
        "older": change(good, v=4),
        "base": change(good, base="0" * 64),
        "digest": change(good, digest="0" * 64),
    }
    for code, push in cases.items():
        assert refusal(push, before).code == code, code
    bad = change(good, set={"service": {"stock": msgspec.Raw(b'{"name": 7}')}})
    assert refusal(bad, before).path == "/set/service/stock"
    assert refusal(bad, before).code == "invalid"
    unknown = change(good, rm=(("weather", "x"),))
    assert refusal(unknown, before).path == "/rm/weather/x"


def test_a_hostile_resource_is_refused_with_a_short_sentence() -> None:
    good = whole_push(stock(), 6)
    for raw in (b"[" * 100_000, b'{"name": "\xff"}', b"{", b'{"name":"x","endpoints":[1e999]}'):
        found = refusal(
            msgspec.structs.replace(good, set={"service": {"x" * 5000: msgspec.Raw(raw)}}), None
        )
        assert found.code == "invalid"
        assert len(found.msg) <= 500
        assert len(found.path) <= 500


def test_what_is_held_can_be_said_as_a_push() -> None:
    assert applied(whole(held()), None) == held()
