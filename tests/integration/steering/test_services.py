"""A split is put in force once, by whoever was first, with everything that belongs to it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections

from meshconsole.audit.models import AuditEntry
from meshconsole.core import revision
from meshconsole.core.errors import Conflict, Invalid, NotFound
from meshconsole.live.models import LiveEvent
from meshconsole.steering import selectors
from meshconsole.steering.models import Route, RouteVersion
from meshconsole.steering.services import route_revert, split_set
from tests.factories import a_group, an_application, an_instance

pytestmark = pytest.mark.django_db


@pytest.fixture
def _order() -> None:
    an_instance("order-1", group="Group_1")
    an_instance("order-2", group="Group_2")
    an_instance("gateway-1", application="gateway")
    a_group(an_application("order"), "Group_3")


def put(split: dict[str, Any], version: int | None = None, **given: Any) -> Route:
    fields = {"application": "order", "expected_version": version, "actor": "ann"}
    return split_set(split=split, **(fields | given))


@pytest.mark.usefixtures("_order")
def test_a_change_has_its_version_audit_revision_and_event() -> None:
    put({"Group_1": 100}, 0)
    before = revision.current()
    route = put({"Group_1": 50.0, "Group_2": 50}, 1, reason="gray release")
    assert (route.version, route.split) == (2, {"Group_1": 50, "Group_2": 50})
    assert revision.current() == before + 1
    version = RouteVersion.objects.get(version=2)
    assert (version.revision, version.actor, version.reason) == (before + 1, "ann", "gray release")
    assert version.summary.startswith("Move 50% from Group_1 to Group_2")
    entry = AuditEntry.objects.order_by("-sequence")[0]
    assert (entry.verb, entry.object, entry.reason) == ("split_set", "route:order", "gray release")
    assert entry.before == {"version": 1, "split": {"Group_1": 100}}
    event = LiveEvent.objects.latest("id")
    assert (event.topic, event.kind, event.ref) == ("routes", "changed", "order")
    assert event.data == {"version": 2, "revision": before + 1}


@pytest.mark.usefixtures("_order")
def test_the_same_split_again_changes_nothing() -> None:
    put({"Group_1": 100})
    number, audited = revision.current(), AuditEntry.objects.count()
    assert put({"Group_1": 100.0}, 1).version == 1
    assert (revision.current(), AuditEntry.objects.count()) == (number, audited)


@pytest.mark.usefixtures("_order")
@pytest.mark.parametrize("stale", [0, 2, 99])
def test_a_stale_change_is_refused_with_what_is_in_force(stale: int) -> None:
    put({"Group_1": 100}, 0)
    with pytest.raises(Conflict) as caught:
        put({"Group_2": 100}, stale)
    assert caught.value.code == "route_changed"
    assert caught.value.current_state["split"] == {"Group_1": 100}
    assert caught.value.current_state["version"] == 1


@pytest.mark.usefixtures("_order")
@pytest.mark.parametrize(
    ("split", "code"),
    [
        ({"Group_1": 60, "Group_2": 60}, "percent_sum"),
        ({"Group_9": 100}, "group_unknown"),
        ({"Group_1": 50, "Group_3": 50}, "group_empty"),
        ({"Group_1": "all"}, "percent"),
        ({}, "split_empty"),
    ],
)
def test_what_is_wrong_with_a_split_is_said_and_nothing_is_done(
    split: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as caught:
        put(split)
    assert caught.value.code == code
    assert caught.value.errors[0]["pointer"].startswith("/split")
    assert not Route.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.usefixtures("_order")
def test_force_takes_an_empty_group_and_nothing_else() -> None:
    assert put({"Group_3": 100}, force=True).split == {"Group_3": 100}
    with pytest.raises(Invalid, match="no group 'Group_9'"):
        put({"Group_9": 100}, force=True)


def test_an_application_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        put({"Group_1": 100}, application="nobody")


@pytest.mark.usefixtures("_order")
def test_a_revert_is_a_new_version_with_the_old_content() -> None:
    put({"Group_1": 100})
    put({"Group_2": 100})
    route = route_revert(application="order", to_version=1, expected_version=2, actor="bob")
    assert (route.version, route.split) == (3, {"Group_1": 100})
    version = selectors.version_latest("order")
    assert version is not None
    assert (version.reverts_to, version.actor) == (1, "bob")
    assert AuditEntry.objects.order_by("-sequence")[0].verb == "route_revert"
    with pytest.raises(NotFound, match="no version 9"):
        route_revert(application="order", to_version=9, expected_version=3, actor="bob")
    with pytest.raises(Conflict):
        route_revert(application="order", to_version=2, expected_version=2, actor="bob")


@pytest.mark.usefixtures("_order")
def test_history_is_never_changed() -> None:
    put({"Group_1": 100})
    version = RouteVersion.objects.get()
    version.actor = "mallory"
    with pytest.raises(TypeError, match="history"):
        version.save()


@pytest.mark.usefixtures("_order")
def test_a_preview_without_traffic_says_so_and_still_shows_who_moves() -> None:
    put({"Group_1": 100})
    preview = selectors.split_preview(app="order", split={"Group_1": 50, "Group_2": 50})
    assert not preview.is_traffic_known
    assert preview.requests_per_second is None
    assert [(m.source, m.target, m.percent) for m in preview.matrix] == [
        ("Group_1", "Group_1", 50), ("Group_1", "Group_2", 50),
    ]  # fmt: skip
    assert preview.affected_sidecar_count == 3
    assert preview.difference == ["Group_1: 100% -> 50%", "Group_2: 0% -> 50%"]
    assert RouteVersion.objects.count() == 1


@pytest.mark.usefixtures("_order")
def test_a_preview_of_a_wrong_split_has_its_findings_and_no_matrix() -> None:
    preview = selectors.split_preview(app="order", split={"Group_1": 50})
    assert [finding.code for finding in preview.findings] == ["percent_sum"]
    assert (preview.matrix, preview.summary) == ([], "")


@pytest.mark.usefixtures("_order")
def test_the_list_of_routes_takes_the_same_few_queries_however_long(
    django_assert_num_queries: Any,
) -> None:
    for number in range(20):
        an_instance(f"app{number}-1", application=f"app{number}")
        split_set(
            application=f"app{number}", split={"Group_1": 100}, expected_version=0, actor="ann"
        )
    with django_assert_num_queries(4):
        rows = selectors.route_list()
    assert len(rows) == 22
    assert rows[0].updated_by == "ann"


@pytest.mark.django_db(transaction=True)
def test_of_many_editors_of_one_version_one_wins() -> None:
    an_instance("order-1", group="Group_1")
    an_instance("order-2", group="Group_2")
    start = threading.Barrier(4, timeout=10)
    results: list[str] = []

    def edit(number: int) -> None:
        try:
            start.wait()
            put({"Group_1": number, "Group_2": 100 - number}, 0, actor=f"editor{number}")
            results.append("won")
        except Conflict as error:
            results.append(f"lost to version {error.current_state['version']}")
        finally:
            connections.close_all()

    editors = [threading.Thread(target=edit, args=(number,)) for number in range(1, 5)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join(timeout=30)
    assert sorted(results) == ["lost to version 1"] * 3 + ["won"]
    assert RouteVersion.objects.count() == 1
