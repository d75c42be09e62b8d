"""Numbers of a policy: defaults as designed, and what cannot be meant is refused by name."""

from __future__ import annotations

import msgspec
import pytest

from healer.policy.parameters import Policy, policy_of
from meshconsole.healing.guards.parameters import PARAMETERS


def test_an_install_that_nobody_configured_only_observes() -> None:
    policy = policy_of({})
    assert policy == Policy()
    assert policy.mode == "observe"
    assert policy.ladder_start == 2
    assert (policy.cooldown_seconds, policy.approval_seconds) == (180, 900)


def test_numbers_are_taken_by_name_and_others_ignored() -> None:
    policy = policy_of({"cooldown_seconds": 20, "ejection_window": 5}, mode="auto")
    assert policy == Policy(cooldown_seconds=20, mode="auto")


def test_the_console_shows_the_same_defaults_and_lets_none_be_set_that_is_refused() -> None:
    shown = {name: one.default for name, one in PARAMETERS.items()}
    assert policy_of(shown) == Policy()
    for name, one in PARAMETERS.items():
        assert name in Policy.__struct_fields__
        for bound in (one.least, one.most):
            assert getattr(policy_of({name: bound}), name) == bound


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cooldown_seconds", -1),
        ("cooldown_seconds", float("nan")),
        ("quorum_share", 1.1),
        ("quorum_least", 0),
        ("ladder_start", 5),
        ("mesh_out", "many"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        policy_of({name: value})
