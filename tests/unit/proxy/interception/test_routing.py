"""An intercepted call goes by what it says first, and by where it was going second."""

from __future__ import annotations

import pytest

from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from proxy.current import Current
from proxy.errors import Refusal
from proxy.failures import Failure
from proxy.http1.heads import Request, parse_request
from proxy.interception.book import AddressBook
from proxy.interception.inward import PORTS_LIMIT, Inward
from proxy.interception.routing import Outward, TowardsAddress
from proxy.interception.strangers import PASSTHROUGH, STRANGERS_LIMIT, KnownFailures, Strangers
from proxy.settings import HostPort
from proxy.steering.router import Router
from tests.integration.proxy.rig import Ear

SHOP = HostPort("10.0.0.1", 80)
NOBODY = HostPort("10.9.9.9", 80)
TRACE = b"0" * 32


def service(name: str, *addresses: str) -> Service:
    return Service(
        name=name,
        groups=("a", "b"),
        endpoints=tuple(
            Endpoint(id=address, addr=address, group="a" if n == 0 else "b", unit="u")
            for n, address in enumerate(addresses)
        ),
    )


@pytest.fixture
def current() -> Current:
    made = Current()
    made.swap(
        Snapshot(
            service={
                "shop": service("shop", "10.0.0.1:80", "10.0.0.2:80"),
                "db": service("db", "10.0.0.1:3306", "[fd00::1]:3306"),
            },
            route={
                "shop": Route(
                    name="shop",
                    version=1,
                    rules=(Rule(id="r", split=(Share(group="b", percent=100.0),)),),
                )
            },
        ),
        1,
    )
    return made


def towards(current: Current, place: HostPort, *, passed: bool = True) -> TowardsAddress:
    strangers = Strangers(60.0) if passed else None
    return Outward(Router(current), AddressBook(current), strangers, ()).towards(place)


def asking(host: str) -> Request:
    return parse_request(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("host", "place", "found"),
    [
        ("shop", NOBODY, "shop"),
        ("shop.mesh", NOBODY, "shop"),
        ("10.0.0.1", SHOP, "shop"),
        ("www.example", HostPort("fd00::1", 3306), "db"),
        ("www.example", NOBODY, PASSTHROUGH),
    ],
)
def test_a_request_goes_by_its_host_then_by_its_address(
    current: Current, host: str, place: HostPort, found: str
) -> None:
    request = asking(host)
    way = towards(current, place)
    for _ in range(2):
        assert way.choose(request, TRACE).target.service.name == found
        assert request.host == host.encode()


def test_the_rules_of_an_application_hold_however_it_was_found(current: Current) -> None:
    assert towards(current, SHOP).choose(asking("10.0.0.1"), TRACE).group == "b"
    assert towards(current, SHOP).tunnel("").group == "b"


@pytest.mark.parametrize(
    ("name", "place", "found"),
    [
        ("shop.mesh", NOBODY, "shop"),
        ("", SHOP, "shop"),
        ("www.example", SHOP, "shop"),
        ("www.example", NOBODY, PASSTHROUGH),
    ],
)
def test_a_session_goes_by_its_name_then_by_its_address(
    current: Current, name: str, place: HostPort, found: str
) -> None:
    assert towards(current, place).tunnel(name).target.service.name == found


def test_strangers_may_be_refused(current: Current) -> None:
    way = towards(current, NOBODY, passed=False)
    with pytest.raises(Refusal, match="belongs to no application") as refused:
        way.tunnel("x")
    assert refused.value.flag == "NR"
    with pytest.raises(Refusal, match="belongs to no application"):
        way.choose(asking("x"), TRACE)


def test_another_snapshot_is_heard_of_at_once(current: Current) -> None:
    way = towards(current, NOBODY)
    assert way.choose(asking("new"), TRACE).target.service.name == PASSTHROUGH
    current.swap(Snapshot(service={"new": service("new", str(NOBODY))}), 2)
    assert way.choose(asking("new"), TRACE).target.service.name == "new"
    assert way.tunnel("").target.service.name == "new"


def test_strangers_are_forgotten_when_nobody_uses_them() -> None:
    strangers = Strangers(60.0)
    (member,) = strangers.at(NOBODY).members
    member.stats.in_flight = 1
    assert strangers.members() == [member]
    assert strangers.at(NOBODY).members == (member,)
    member.stats.in_flight = 0
    assert strangers.members() == []


def test_strangers_are_bounded() -> None:
    strangers = Strangers(60.0)
    for port in range(1, STRANGERS_LIMIT + 10):
        strangers.at(HostPort("192.0.2.1", port)).members[0].stats.in_flight = 1
    assert len(strangers.members()) == STRANGERS_LIMIT


def test_nobody_is_told_of_strangers_that_fail(current: Current) -> None:
    ear = Ear()
    failures = KnownFailures(ear)
    for name in (PASSTHROUGH, "shop"):
        endpoint = Endpoint(id="e", addr="h:1", group="", unit="")
        failures.failed(Failure(service=name, endpoint=endpoint, error="connect"))
    assert [heard.service for heard in ear.heard] == ["shop"]


def test_calls_to_the_application_keep_their_port(current: Current) -> None:
    made = {port: Strangers(1.0).at(HostPort("127.0.0.1", port)) for port in range(1, 200)}
    inward = Inward(made[80], made.__getitem__, (25,))
    assert inward.towards(HostPort("10.0.0.9", 80)).tunnel("") is made[80]
    assert inward.towards(HostPort("10.0.0.9", 81)).tunnel("") is made[81]
    assert inward.members() == [made[81].members[0]]
    for port in range(100, 199):
        inward.towards(HostPort("10.0.0.9", port))
    assert len(inward.members()) == PORTS_LIMIT - 1
    assert inward.towards(HostPort("10.0.0.9", 199)).tunnel("") is made[80]
