"""A change of how links are encrypted is checked, guarded, and written down once with its parts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from meshconsole.audit.models import AuditEntry
from meshconsole.core import revision
from meshconsole.core.errors import Conflict, Invalid, NotFound
from meshconsole.encryption.policy import Policy
from meshconsole.encryption.selectors import modes_of, policy_get, strict_blockers
from meshconsole.encryption.services import callers_set, mode_default_set, modes_set, policy_set
from meshconsole.inventory.models import Source
from meshconsole.inventory.states import InstanceState
from meshconsole.live.models import LiveEvent
from proxy.contract.snapshot import Caller
from tests.factories import an_application, an_instance

pytestmark = pytest.mark.django_db
BY: dict[str, Any] = {"actor": "ann", "reason": "the plan of Monday"}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _order() -> None:
    an_instance("order-1")
    an_instance("order-2")
    an_instance("order-old", source=Source.IMPORT)
    an_instance("order-gone", state=InstanceState.GONE)


def test_an_application_nobody_decided_on_is_plaintext_and_open() -> None:
    assert policy_get("order") == (0, Policy())
    assert modes_of("order") == dict.fromkeys(("order-1", "order-2", "order-old"), "plaintext")


def test_a_change_has_its_version_audit_revision_and_event() -> None:
    before = revision.current()
    number = modes_set("order", {"order-1": "permissive"}, **BY)
    assert number == revision.current() == before + 1
    assert policy_get("order") == (1, Policy(instances={"order-1": "permissive"}))
    entry = AuditEntry.objects.order_by("-sequence")[0]
    assert (entry.verb, entry.object, entry.actor) == ("modes_set", "encryption:order", "ann")
    assert entry.reason == "the plan of Monday"
    assert entry.before is None
    assert entry.after is not None
    assert entry.after["instances"] == {"order-1": "permissive"}
    event = LiveEvent.objects.latest("id")
    assert (event.topic, event.kind, event.ref) == ("encryption", "changed", "order")
    assert event.data == {"version": 1, "revision": number}


def test_the_same_again_changes_nothing() -> None:
    number = mode_default_set("order", "preferred", **BY)
    audited = AuditEntry.objects.count()
    assert mode_default_set("order", "preferred", **BY) == number
    assert (AuditEntry.objects.count(), policy_get("order")[0]) == (audited, 1)


def test_an_instance_keeps_its_own_mode_when_the_default_moves() -> None:
    modes_set("order", {"order-1": "permissive"}, **BY)
    mode_default_set("order", "preferred", **BY)
    assert modes_of("order") == {
        "order-1": "permissive",
        "order-2": "preferred",
        "order-old": "plaintext",
    }


def test_a_later_wave_leaves_the_earlier_ones_as_they_are() -> None:
    modes_set("order", {"order-1": "permissive"}, **BY)
    modes_set("order", {"order-2": "permissive"}, **BY)
    modes_set("order", {"order-1": "preferred"}, **BY)
    assert policy_get("order")[1].instances == {"order-1": "preferred", "order-2": "permissive"}


def test_a_stale_change_is_refused_with_what_is_in_force() -> None:
    mode_default_set("order", "permissive", expected_version=0, **BY)
    with pytest.raises(Conflict) as caught:
        mode_default_set("order", "preferred", expected_version=0, **BY)
    assert caught.value.code == "encryption_changed"
    assert caught.value.current_state["version"] == 1
    assert caught.value.current_state["mode"] == "permissive"


def test_an_application_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        mode_default_set("nobody", "permissive", **BY)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda: modes_set("order", {"order-9": "permissive"}, **BY), "/instances/order-9"),
        (lambda: modes_set("order", {"order-gone": "permissive"}, **BY), "/instances/order-gone"),
        (lambda: modes_set("order", {"order-old": "permissive"}, **BY), "/instances/order-old"),
        (lambda: modes_set("order", {"order-1": "tls"}, **BY), "/instances/order-1"),  # type: ignore[dict-item]
        (lambda: mode_default_set("order", "", **BY), "/mode"),  # type: ignore[arg-type]
        (lambda: callers_set("order", [], "enforce", **BY), "/callers"),
        (lambda: callers_set("order", [Caller(app="a b")], "off", **BY), "/callers/0/app"),
        (lambda: callers_set("order", [], "maybe", **BY), "/callers_mode"),  # type: ignore[arg-type]
        (lambda: mode_default_set("order", "preferred", actor="a", reason="x" * 501), "/reason"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_done(change: Callable[[], Any], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        change()
    assert [fault["pointer"] for fault in caught.value.errors] == [pointer]
    assert policy_get("order")[0] == 0
    assert not AuditEntry.objects.exists()


def test_callers_are_kept_once_each_in_one_order() -> None:
    stock, unit = Caller(app="stock"), Caller(unit="unit1")
    callers_set("order", [stock, unit, stock], "observe", **BY)
    assert policy_get("order")[1].callers == (unit, stock)
    number = revision.current()
    assert callers_set("order", [unit, stock], "observe", **BY) == number


def test_a_document_may_come_before_its_instances() -> None:
    policy = Policy(mode="permissive", instances={"order-7": "plaintext"})
    with pytest.raises(Invalid):
        policy_set("order", policy, **BY)
    policy_set("order", policy, known_only=False, **BY)
    assert policy_get("order") == (1, policy)


@pytest.mark.usefixtures("mesh_redis")
def test_strict_is_refused_while_something_blocks_it_and_forced_by_whoever_says_so() -> None:
    with pytest.raises(Invalid) as caught:
        mode_default_set("order", "strict", now=NOW, **BY)
    assert caught.value.code == "strict_blocked"
    assert caught.value.errors[0]["detail"].startswith("order-1 is plaintext")
    mode_default_set("order", "strict", force=True, **BY)
    assert modes_of("order")["order-1"] == "strict"
    assert strict_blockers("order", NOW)[0].instance == "order-old"


def test_strict_is_refused_while_nobody_knows_who_calls() -> None:
    """Without Redis there is nothing to go by."""
    an_application("empty")
    with pytest.raises(Invalid) as caught:
        mode_default_set("empty", "strict", now=NOW, **BY)
    assert caught.value.errors[0]["detail"].startswith("Who calls empty in plaintext is not known")


def test_going_back_from_strict_is_never_guarded() -> None:
    mode_default_set("order", "strict", force=True, **BY)
    mode_default_set("order", "preferred", **BY)
    assert modes_of("order")["order-1"] == "preferred"
