"""Routes as documents: what comes out goes in again without a change."""

from __future__ import annotations

import pytest

from meshconsole.core import revision
from meshconsole.documents import documents_apply, documents_export
from meshconsole.steering.models import Route
from tests.factories import an_instance

pytestmark = pytest.mark.django_db

APPLICATION = """
apiVersion: meshconsole.io/v1
kind: Application
metadata: {name: order}
spec: {groups: [Group_1, Group_2]}
"""
ROUTE = """
apiVersion: meshconsole.io/v1
kind: Route
metadata: {name: order}
spec: {split: {Group_1: 87.5, Group_2: 12.5}}
"""


def test_a_route_may_come_with_its_application_and_before_its_instances() -> None:
    plan = documents_apply(f"{ROUTE}---{APPLICATION}", actor="git")
    assert plan.applied, plan.faults
    assert Route.objects.get().split == {"Group_1": 87.5, "Group_2": 12.5}


def test_export_then_apply_is_a_fixed_point() -> None:
    documents_apply(f"{APPLICATION}---{ROUTE}", actor="git")
    number, text = revision.current(), documents_export()
    plan = documents_apply(text, actor="git")
    assert [part.change.outcome for part in plan.planned] == ["unchanged"] * 2
    assert (revision.current(), documents_export()) == (number, text)


def test_a_wrong_split_is_pointed_at_and_nothing_is_applied() -> None:
    an_instance("order-1")
    plan = documents_apply(
        ROUTE.replace("Group_2: 12.5", "Group_9: 12.5") + "---" + APPLICATION, actor="git"
    )
    assert [(fault.pointer, fault.code) for fault in plan.faults] == [
        ("/spec/split/Group_9", "group_unknown")
    ]
    assert not plan.applied
    assert not Route.objects.exists()


def test_a_document_of_an_older_version_does_not_undo_a_newer_one() -> None:
    documents_apply(f"{APPLICATION}---{ROUTE}", actor="git")
    documents_apply(ROUTE.replace("87.5", "50").replace("12.5", "50"), actor="git")
    stale = ROUTE.replace("{name: order}", "{name: order, revision: 1}")
    plan = documents_apply(stale, actor="git")
    assert [(fault.pointer, fault.code) for fault in plan.faults] == [
        ("/metadata/revision", "route_changed")
    ]
    assert Route.objects.get().split == {"Group_1": 50, "Group_2": 50}
