"""The demo begins with healing that acts when it is let, and leaves alone what a person changed."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.utils import timezone

from meshconsole.demo import seed
from meshconsole.healing.guards.selectors import policy_of
from meshconsole.healing.guards.services import Wish, policy_set

pytestmark = pytest.mark.django_db


def test_the_sample_mesh_heals_by_its_supervisor_and_asks_first() -> None:
    seed.mesh_ensure()
    seed.healing_ensure()
    policy = policy_of("order")
    assert (policy.mode, policy.ejection_mode) == ("approve_all", "eject")
    assert (policy.actuator, policy.actuator_settings) == ("process", {})


def test_what_a_person_changed_stays() -> None:
    seed.healing_ensure()
    policy_set(
        application="", wish=Wish(mode="observe"), reason="Only look.", actor="sre",
        now=timezone.now(),
    )  # fmt: skip
    seed.healing_ensure()
    assert policy_of("order").mode == "observe"


def test_two_more_people_can_sign_in_since_a_removal_needs_them() -> None:
    password = seed.user_ensure(None)
    names = {user.username for user in get_user_model().objects.all()}
    assert {seed.USER, *seed.OTHERS} <= names
    for name in (seed.USER, *seed.OTHERS):
        assert authenticate(username=name, password=password) is not None
