"""Healing policies as documents: the same again changes nothing, and a role is no wider by them."""

from __future__ import annotations

import pytest

from meshconsole.documents import documents_apply, documents_export
from meshconsole.healing.guards.selectors import policy_of
from meshconsole.healing.guards.services import SET, WIDEN
from tests.factories import an_instance

pytestmark = pytest.mark.django_db
POLICIES = """
apiVersion: meshconsole.io/v1
kind: HealingPolicy
metadata: {name: order}
spec: {ejection_mode: off, numbers: {mesh_out: 3}}
---
apiVersion: meshconsole.io/v1
kind: MeshHealingPolicy
metadata: {name: mesh}
spec: {mode: approve_all}
"""


def test_export_and_apply_is_a_fixed_point() -> None:
    an_instance()
    plan = documents_apply(POLICIES, actor="git")
    assert {part.change.outcome for part in plan.planned} == {"created"}
    order = policy_of("order")
    assert (order.mode, order.ejection_mode, order.numbers["mesh_out"]) == ("approve_all", "off", 3)
    text = documents_export()
    again = documents_apply(text, actor="git")
    assert {part.change.outcome for part in again.planned} == {"unchanged"}
    assert documents_export() == text


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (POLICIES.replace("name: mesh", "name: all"), "/metadata/name"),
        (POLICIES.replace("name: order", "name: nothing"), "/spec/application"),
        (POLICIES.replace("mesh_out: 3", "mesh_out: 1000"), "/spec/numbers"),
        (POLICIES.replace("{name: order}", "{name: order, labels: {a: b}}"), "/metadata/labels"),
    ],
)
def test_a_wrong_document_is_said_with_its_place(text: str, pointer: str) -> None:
    an_instance()
    plan = documents_apply(text, actor="git")
    assert [fault.pointer for fault in plan.faults] == [pointer]
    assert policy_of("order").mode == "observe"


def test_a_document_gives_nobody_more_power_than_the_form_does() -> None:
    an_instance()
    refused = documents_apply(POLICIES, actor="ann", verbs=frozenset({SET}))
    assert "an approver has to put it in force" in refused.faults[0].detail
    assert policy_of().mode == "observe"
    assert not documents_apply(POLICIES, actor="bob", verbs=frozenset({SET, WIDEN})).faults


def test_a_document_of_an_older_version_is_refused() -> None:
    an_instance()
    documents_apply(POLICIES, actor="git")
    text = documents_export()
    documents_apply(POLICIES.replace("approve_all", "observe"), actor="git")
    stale = documents_apply(text, actor="git")
    assert [fault.code for fault in stale.faults] == ["healing_changed"]
