"""Encryption as documents: what comes out goes in again without a change."""

from __future__ import annotations

import pytest

from meshconsole.core import revision
from meshconsole.documents import documents_apply, documents_export
from meshconsole.encryption.selectors import modes_of, policy_get
from tests.factories import an_instance

pytestmark = pytest.mark.django_db
APPLICATION = """
apiVersion: meshconsole.io/v1
kind: Application
metadata: {name: order}
spec: {groups: [Group_1]}
"""
ENCRYPTION = """
apiVersion: meshconsole.io/v1
kind: Encryption
metadata: {name: order}
spec:
  mode: permissive
  instances: {order-1: preferred}
  callers: [{app: gateway, unit: unit1}, {unit: unit2}]
  callers_mode: observe
"""


def test_a_policy_may_come_with_its_application_and_before_its_instances() -> None:
    plan = documents_apply(f"{ENCRYPTION}---{APPLICATION}", actor="git")
    assert plan.applied, plan.faults
    assert [part.change.outcome for part in plan.planned] == ["created", "created"]
    an_instance("order-1")
    an_instance("order-2")
    assert modes_of("order") == {"order-1": "preferred", "order-2": "permissive"}


def test_export_then_apply_is_a_fixed_point() -> None:
    documents_apply(f"{APPLICATION}---{ENCRYPTION}", actor="git")
    number, text = revision.current(), documents_export()
    plan = documents_apply(text, actor="git")
    assert [part.change.outcome for part in plan.planned] == ["unchanged"] * 2
    assert (revision.current(), documents_export()) == (number, text)


def test_a_document_that_was_made_from_an_older_version_is_refused() -> None:
    documents_apply(f"{APPLICATION}---{ENCRYPTION}", actor="git")
    old = ENCRYPTION.replace("{name: order}", "{name: order, revision: 7}")
    plan = documents_apply(old.replace("observe", "off"), actor="git")
    assert [(fault.pointer, fault.code) for fault in plan.faults] == [
        ("/metadata/revision", "encryption_changed")
    ]
    assert policy_get("order")[1].callers_mode == "observe"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (("mode: permissive", "mode: tls"), "/spec/mode"),
        (("app: gateway", "app: 'a b'"), "/spec/callers/1/app"),
        (("mode: permissive", "mode: strict"), "/spec/mode"),
        (("metadata: {name: order}", "metadata: {name: order, labels: {a: b}}"),
         "/metadata/labels"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_document_is_pointed_at(change: tuple[str, str], pointer: str) -> None:
    plan = documents_apply(f"{APPLICATION}---{ENCRYPTION.replace(*change)}", actor="git")
    assert pointer in [fault.pointer for fault in plan.faults]
    assert not plan.applied
