"""Where applications stand is read from intent, traffic and what sidecars say, all at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from meshconsole.core.errors import NotFound
from meshconsole.encryption.selectors import strict_blockers
from meshconsole.encryption.services import mode_default_set, modes_set
from meshconsole.encryption.standing import (
    CallerTraffic,
    Standing,
    mesh_encryption,
    refused_by,
    standing_of,
)
from meshconsole.telemetry.reader import EDGES
from proxy.contract.snapshot import Caller
from tests.factories import an_instance
from tests.harness.links import calls_counted, links_said

pytestmark = pytest.mark.django_db
BY: dict[str, Any] = {"actor": "ann", "reason": ""}


@pytest.fixture(autouse=True)
def _order() -> None:
    EDGES.forget()
    an_instance("order-1")
    an_instance("order-2")
    an_instance("gateway-1", application="gateway")


def order() -> Standing:
    return standing_of("order", timezone.now())


def kinds() -> set[str]:
    return {one.kind for one in strict_blockers("order", timezone.now())}


@pytest.mark.usefixtures("mesh_redis")
def test_an_application_may_be_strict_once_nothing_comes_in_plaintext_any_more() -> None:
    calls_counted("gateway", "order", plain=3, encrypted=17)
    assert kinds() == {"mode", "not_ready", "plain_requests"}
    mode_default_set("order", "preferred", **BY)
    links_said("order-1", ready=True)
    links_said("order-2", ready=False, reason="Its root is not trusted.")
    assert kinds() == {"not_ready", "plain_requests"}
    links_said("order-2", ready=True, plain_connections=1)
    assert kinds() == {"plain_connections", "plain_requests"}


@pytest.mark.usefixtures("mesh_redis")
def test_with_everything_encrypted_strict_is_put_in_force_without_force() -> None:
    calls_counted("gateway", "order", encrypted=20)
    modes_set("order", {"order-1": "preferred", "order-2": "preferred"}, **BY)
    links_said("order-1", ready=True)
    links_said("order-2", ready=True)
    assert kinds() == set()
    modes_set("order", {"order-1": "strict"}, **BY)
    assert order().modes == {"preferred": 1, "strict": 1}


@pytest.mark.usefixtures("mesh_redis")
def test_a_caller_without_the_means_is_in_the_way_even_when_it_was_quiet() -> None:
    calls_counted("gateway", "order", encrypted=1)
    an_instance("gateway-old", application="gateway", caps=["route", "service"])
    assert "caller" in kinds()


@pytest.mark.usefixtures("mesh_redis")
def test_the_mesh_adds_its_applications_up() -> None:
    calls_counted("gateway", "order", plain=5, encrypted=15)
    mode_default_set("order", "permissive", **BY)
    links_said("order-1", ready=True)
    mesh = mesh_encryption(timezone.now())
    assert (mesh.is_known, mesh.requests, mesh.encrypted_ratio) == (True, 20, 0.75)
    gateway, found = mesh.applications
    assert (gateway.application, gateway.encrypted_ratio) == ("gateway", None)
    assert (found.version, found.modes, found.ready) == (1, {"permissive": 2}, 1)
    assert found.callers == (CallerTraffic(app="gateway", unit="unit1", requests=20, encrypted=15),)


def test_without_redis_intent_is_told_and_strict_is_blocked_by_not_knowing() -> None:
    mode_default_set("order", "preferred", **BY)
    mesh = mesh_encryption(timezone.now())
    assert (mesh.is_known, mesh.encrypted_ratio) == (False, None)
    assert mesh.applications[1].modes == {"preferred": 2}
    assert kinds() == {"unknown"}


def test_an_application_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        standing_of("nobody", timezone.now())


def test_a_list_refuses_who_is_not_on_it_and_who_proves_nothing() -> None:
    seen = [
        CallerTraffic(app="", unit="", requests=4, encrypted=0),
        CallerTraffic(app="gateway", unit="unit1", requests=10, encrypted=10),
        CallerTraffic(app="gateway", unit="unit2", requests=9, encrypted=9),
        CallerTraffic(app="web", unit="unit1", requests=8, encrypted=5),
    ]
    callers = [Caller(app="gateway", unit="unit1"), Caller(app="web")]
    assert [(one.app, one.unit, one.requests) for one in refused_by(callers, seen)] == [
        ("", "", 4),
        ("gateway", "unit2", 9),
        ("web", "unit1", 3),
    ]
    assert [one.app for one in refused_by([Caller()], seen)] == ["", "web"]
