"""What was changed lately may be undone instead of a restart, if there was something before."""

from __future__ import annotations

import pytest
from django.utils import timezone

from healer.casework.changes import changes_since
from meshconsole.inventory.models import Application, Group
from meshconsole.steering.services import split_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def split() -> None:
    shop = Application.objects.create(name="shop")
    for name in ("Group_1", "Group_2"):
        Group.objects.create(application=shop, name=name)
    _split(100, 0)


def _split(first: int, second: int) -> None:
    split_set(
        application="shop",
        split={"Group_1": first, "Group_2": second},
        expected_version=0 if second == 0 else 1,
        actor="sre",
        reason="A test.",
        force=True,
    )


def test_the_first_version_of_a_route_is_no_change_that_can_be_undone(split: None) -> None:
    assert changes_since(timezone.now(), seconds=600) == ()


def test_the_next_version_is_one(split: None) -> None:
    _split(90, 10)
    (change,) = changes_since(timezone.now(), seconds=600)
    assert (change.kind, change.ref, change.app) == ("route version", "shop 2", "shop")
    assert changes_since(timezone.now(), seconds=0) == ()
