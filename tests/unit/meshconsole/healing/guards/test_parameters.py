"""Numbers that may be set: their bounds, and what gives healing more power."""

from __future__ import annotations

import math
from typing import Any

import pytest

from healer.policy.parameters import Policy, policy_of
from meshconsole.healing.guards.actuator_settings import KINDS
from meshconsole.healing.guards.parameters import (
    ACTUATORS,
    EJECTION,
    PARAMETERS,
    exact,
    number_faults,
    widened,
)


@pytest.mark.parametrize("known", [PARAMETERS, EJECTION], ids=["healing", "ejection"])
def test_every_default_is_within_its_bounds(known: dict[str, Any]) -> None:
    defaults = {one.name: one.default for one in known.values()}
    assert list(number_faults(defaults, known)) == []
    assert widened(defaults, defaults, known) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cooldown": 3}, "There is no number 'cooldown'"),
        ({"cooldown_seconds": "180"}, "cooldown_seconds is a number."),
        ({"cooldown_seconds": True}, "cooldown_seconds is a number."),
        ({"cooldown_seconds": math.nan}, "cooldown_seconds is a number."),
        ({"cooldown_seconds": 1}, "cooldown_seconds is from 5 to 3600 s; 1 is not."),
        ({"mesh_out": 2.5}, "mesh_out is a whole number."),
        ({"service_out_share": 0.5}, "service_out_share is from 0.01 to 0.34"),
    ],
)
def test_a_wrong_number_is_said_in_a_sentence(given: dict[str, Any], said: str) -> None:
    faults = list(number_faults(given, PARAMETERS))
    assert len(faults) == 1
    assert faults[0].startswith(said)


@pytest.mark.parametrize(
    ("name", "value", "is_wider"),
    [
        ("cooldown_seconds", 60, True),
        ("cooldown_seconds", 600, False),
        ("mesh_out", 3, True),
        ("mesh_out", 1, False),
        ("service_healthy_share", 0.5, True),
        ("approval_seconds", 60, False),
    ],
)
def test_what_lets_healing_do_more_is_wider(name: str, value: float, is_wider: bool) -> None:
    before = {one.name: one.default for one in PARAMETERS.values()}
    assert bool(widened(before, before | {name: value}, PARAMETERS)) is is_wider


def test_every_number_is_one_that_is_decided_by_and_means_what_it_says() -> None:
    untouched = Policy()
    for one in PARAMETERS.values():
        assert getattr(untouched, one.name) == one.default, one.name
        for value in (one.least, one.most):
            policy = policy_of(exact({one.name: float(value)}, PARAMETERS))
            assert getattr(policy, one.name) == value, one.name


def test_every_actuator_that_can_be_chosen_has_a_shape_of_settings() -> None:
    assert sorted(ACTUATORS) == sorted(KINDS)
