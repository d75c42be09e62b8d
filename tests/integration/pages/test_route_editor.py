"""The route editor's forms: who may send them, and what a person is told when they do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from meshconsole.steering.models import Route, RouteVersion
from meshconsole.steering.services import split_set
from tests.factories import a_group, an_application, an_instance

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

HALF = {"weight:Group_1": "50", "weight:Group_2": "50", "version": "1", "reason": "Half"}


@pytest.fixture(autouse=True)
def order(db: None) -> None:
    """An application in two groups, all of it on the first."""
    application = an_application("order")
    a_group(application, "Group_2")
    an_instance("order-1")
    an_instance("order-2", group="Group_2")
    whole = {"Group_1": 100, "Group_2": 0}
    split_set(application="order", split=whole, expected_version=0, actor="sre")


def in_force() -> dict[str, float]:
    return dict(Route.objects.get().split)


def test_applying_puts_it_in_force_and_goes_back_to_the_page(
    browser_of: Callable[[str], Client],
) -> None:
    answer = browser_of("operator").post("/routes/order/split/", HALF)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/routes/order/")
    assert in_force() == {"Group_1": 50, "Group_2": 50}
    version = RouteVersion.objects.get(version=2)
    assert (version.actor, version.reason) == ("operator", "Half")


def test_a_viewer_sees_why_the_button_is_off_and_is_refused(
    browser_of: Callable[[str], Client],
) -> None:
    viewer = browser_of("viewer")
    page = viewer.get("/routes/order/").content.decode()
    assert "This needs the role operator; yours is viewer." in page
    assert "data-refused" in page
    assert viewer.post("/routes/order/split/", HALF).status_code == 403
    assert viewer.post("/routes/order/revert/", {"to_version": "1"}).status_code == 403
    assert in_force() == {"Group_1": 100, "Group_2": 0}


def test_preview_is_for_everybody_and_changes_nothing(
    browser_of: Callable[[str], Client],
) -> None:
    answer = browser_of("viewer").post("/routes/order/preview/", HALF)
    assert answer.status_code == 200
    assert "Move 50% from Group_1 to Group_2" in answer.content.decode()
    assert RouteVersion.objects.count() == 1


def test_who_comes_second_sees_what_is_in_force_and_keeps_what_was_typed(
    browser_of: Callable[[str], Client],
) -> None:
    split_set(
        application="order",
        split={"Group_1": 90, "Group_2": 10},
        expected_version=1,
        actor="first",
    )
    answer = browser_of("operator").post("/routes/order/split/", HALF)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "somebody else was first" in text
    assert "first" in text
    assert 'name="version" value="2"' in text
    assert 'value="50"' in text
    assert in_force() == {"Group_1": 90, "Group_2": 10}


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"weight:Group_1": "60", "weight:Group_2": "60"}, "not to 120"),
        ({"weight:Group_1": "fifty", "weight:Group_2": "50"}, "is a number from 0 to 100"),
        ({"weight:Group_1": "nan", "weight:Group_2": "50"}, "is a number from 0 to 100"),
        ({"weight:Nobody": "100"}, "has no group"),
        ({}, "Name at least one group"),
    ],
)
def test_a_wrong_split_is_answered_with_what_to_do(
    weights: dict[str, str], sentence: str, browser_of: Callable[[str], Client]
) -> None:
    answer = browser_of("operator").post("/routes/order/split/", weights | {"version": "1"})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert in_force() == {"Group_1": 100, "Group_2": 0}


def test_a_group_without_instances_needs_a_tick(browser_of: Callable[[str], Client]) -> None:
    a_group(an_application("order"), "Group_3")
    wanted = {"weight:Group_1": "50", "weight:Group_3": "50", "version": "1"}
    operator = browser_of("operator")
    refused = operator.post("/routes/order/split/", wanted)
    assert refused.status_code == 422
    assert 'name="force"' in refused.content.decode()
    assert operator.post("/routes/order/split/", wanted | {"force": "on"}).status_code == 302
    assert in_force() == {"Group_1": 50, "Group_3": 50}


def test_reverting_makes_a_new_version(browser_of: Callable[[str], Client]) -> None:
    operator = browser_of("operator")
    operator.post("/routes/order/split/", HALF)
    answer = operator.post("/routes/order/revert/", {"to_version": "1", "version": "2"})
    assert answer.status_code == 302
    assert in_force() == {"Group_1": 100, "Group_2": 0}
    assert RouteVersion.objects.get(version=3).reverts_to == 1


def test_reverting_what_changed_meanwhile_is_refused(
    browser_of: Callable[[str], Client],
) -> None:
    operator = browser_of("operator")
    operator.post("/routes/order/split/", HALF)
    answer = operator.post("/routes/order/revert/", {"to_version": "1", "version": "1"})
    assert answer.status_code == 409
    assert "somebody else was first" in answer.content.decode()


def test_a_get_changes_nothing(browser_of: Callable[[str], Client]) -> None:
    operator = browser_of("operator")
    for path in ("split", "revert", "preview"):
        assert operator.get(f"/routes/order/{path}/").status_code == 405


def test_an_open_page_learns_that_somebody_changed_the_route(
    browser_of: Callable[[str], Client],
) -> None:
    viewer = browser_of("viewer")
    assert "set version" not in viewer.get("/routes/order/changed/?version=1").content.decode()
    browser_of("operator").post("/routes/order/split/", HALF)
    text = viewer.get("/routes/order/changed/?version=1").content.decode()
    assert "operator set version 2" in text
